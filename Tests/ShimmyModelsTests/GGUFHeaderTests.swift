import ShimmyFormats
import ShimmyModels
import Testing

/// The header reader with valid, damaged and hostile files.
@Suite struct GGUFHeaderTests {
    private let folder: TemporaryFolder

    init() throws { folder = try TemporaryFolder() }

    private func read(_ bytes: [UInt8]) throws -> GGUFHeader { try GGUFHeader.read(path: folder.write(bytes, to: "file.gguf")) }

    private func failure(_ file: GGUFFile) throws -> String {
        let path = try folder.write(file.bytes, to: "file.gguf")
        return try #require(#expect(throws: FormatError.self) { try GGUFHeader.read(path: path) }).description
    }

    @Test func aSoundFileIsReadWhole() throws {
        let header = try read(GGUFFile.model().bytes)
        #expect(header.version == 3)
        #expect(header.architecture == "llama")
        #expect(header.quantization == "Q4_1")
        #expect(header.ofArchitecture("context_length")?.intValue == 2048)
        #expect(header.metadata["tokenizer.ggml.tokens"] == .array(of: .string, count: 3))
        #expect(header.tensors.map(\.name) == ["weights", "norm"])
        #expect(header.tensors.map(\.sizeBytes) == [160, 32])
        #expect(header.parameterCount == 264)
    }

    @Test func everyKindOfValueIsRead() throws {
        var file = GGUFFile.model()
        file.metadata += [
            ("u8", 0, [200]), ("i8", 1, [0xFF]), ("u16", 2, [1, 2]), ("i16", 3, [0xFE, 0xFF]), ("u32", 4, [1, 0, 0, 0x80]),
            ("i32", 5, [0xFF, 0xFF, 0xFF, 0xFF]), ("f32", 6, GGUFFile.little(Float(1.5).bitPattern)), ("bool", 7, [1]),
            ("u64", 10, GGUFFile.little(UInt64.max)), ("i64", 11, GGUFFile.little(Int64.min)), ("f64", 12, GGUFFile.little(2.25.bitPattern)),
            ("numbers", 9, GGUFFile.little(UInt32(4)) + GGUFFile.little(UInt64(2)) + [1, 0, 0, 0, 2, 0, 0, 0]),
        ]
        let metadata = try read(file.bytes).metadata
        #expect(metadata["u8"] == .unsigned(200) && metadata["i8"] == .integer(-1))
        #expect(metadata["u16"] == .unsigned(513) && metadata["i16"] == .integer(-2))
        #expect(metadata["u32"] == .unsigned(0x8000_0001) && metadata["i32"] == .integer(-1))
        #expect(metadata["f32"] == .float(1.5) && metadata["f64"] == .double(2.25) && metadata["bool"] == .bool(true))
        #expect(metadata["u64"] == .unsigned(.max) && metadata["u64"]?.intValue == nil)
        #expect(metadata["i64"] == .integer(.min) && metadata["numbers"] == .array(of: .uint32, count: 2))
    }

    @Test func withoutADeclaredTypeMostBytesDecide() throws {
        var file = GGUFFile.model(fileType: 9999)
        #expect(try read(file.bytes).quantization == "Q4_1")
        file.tensors = [("norm", [8], 0, 0)]
        #expect(try read(file.bytes).quantization == "F32")
    }

    /// A file that is truncated at any byte is an error, never a crash or a success.
    @Test func aFileCutAtAnyByteIsRefused() throws {
        let bytes = GGUFFile.model().bytes
        for length in 0..<bytes.count {
            let path = try folder.write(Array(bytes.prefix(length)), to: "cut.gguf")
            #expect(throws: FormatError.self, "cut at \(length)") { try GGUFHeader.read(path: path) }
        }
    }

    @Test func aCutInTheWeightsNamesTheTensor() throws {
        var file = GGUFFile.model()
        file.dataBytes = 100
        #expect(try failure(file).contains("it is truncated: tensor weights ends at byte"))
    }

    @Test func whatIsNoGGUFIsSaidPlainly() throws {
        let path = try folder.write("this is a text file, not a model", to: "text.gguf")
        #expect(throws: FormatError("it is not a GGUF file")) { try GGUFHeader.read(path: path) }
        #expect(throws: FormatError.self) { try GGUFHeader.read(path: folder.path) }
        #expect(throws: FormatError.self) { try GGUFHeader.read(path: folder.path + "/absent.gguf") }
    }

    @Test(arguments: [(1, "version is 1"), (4, "version is 4"), (UInt32(3).byteSwapped, "big-endian")])
    func otherVersionsAreRefused(version: UInt32, reason: String) throws {
        var file = GGUFFile.model()
        file.version = version
        #expect(try failure(file).contains(reason))
    }

    @Test(arguments: [UInt64.max, 1 << 63, 1 << 40, 1_000_000])
    func impossibleCountsAreRefusedBeforeAnythingIsAllocated(count: UInt64) throws {
        var tensors = GGUFFile.model()
        tensors.claimedTensors = count
        #expect(try failure(tensors).contains("truncated or damaged"))
        var metadata = GGUFFile.model()
        metadata.claimedMetadata = count
        #expect(try failure(metadata).contains("truncated or damaged"))
        var text = GGUFFile()
        text.metadata = [("general.architecture", 8, GGUFFile.little(count) + [65, 66])]
        #expect(try failure(text).contains("truncated or damaged"))
        var array = GGUFFile()
        array.metadata = [("list", 9, GGUFFile.little(UInt32(8)) + GGUFFile.little(count) + [1, 0, 0])]
        #expect(try failure(array).contains("truncated or damaged"))
    }

    @Test func unsoundTensorsAreRefused() throws {
        func failing(_ change: (inout GGUFFile) -> Void) throws -> String {
            var file = GGUFFile.model()
            change(&file)
            return try failure(file)
        }
        #expect(try failing { $0.tensors[0].type = 4 }.contains("unknown type 4"))
        #expect(try failing { $0.tensors[0].type = .max }.contains("unknown type"))
        #expect(try failing { $0.tensors[0].shape = [65, 4] }.contains("block length of Q4_1"))
        #expect(try failing { $0.tensors[0].shape = [1 << 62, 4] }.contains("impossibly large"))
        #expect(try failing { $0.tensors[0].shape = [.max] }.contains("impossibly large"))
        #expect(try failing { $0.tensors[0].shape = [1, 1, 1, 1, 1] }.contains("5 dimensions"))
        #expect(try failing { $0.tensors[0].offset = .max }.contains("impossibly large"))
        #expect(try failing { $0.tensors[0].offset = UInt64(Int.max) }.contains("impossibly large"))
        #expect(try failing { $0.tensors[1].offset = 0 }.contains("overlaps another tensor"))
        #expect(try failing { $0.tensors[1].offset = 128 }.contains("tensor norm overlaps another tensor"))
        #expect(try failing { $0.add("general.alignment", UInt32(0)) }.contains("alignment"))
        #expect(try failing { $0.metadata.append(("x", 99, [])) }.contains("unknown type 99"))
    }

    @Test func nestedArraysAreRefused() throws {
        var file = GGUFFile()
        let nested = GGUFFile.little(UInt32(9)) + GGUFFile.little(UInt64(1))
        file.metadata = [("deep", 9, Array(repeating: nested, count: 1000).flatMap { $0 })]
        #expect(try failure(file).contains("array of arrays"))
    }

    /// Random damage either stays unnoticed or causes an error, but never a crash, a hang or excessive memory use.
    @Test(arguments: 0..<8)
    func randomDamageNeverCrashes(seed: UInt64) throws {
        var generator = SplitMix(state: seed)
        let sound = GGUFFile.model().bytes
        var refused = 0
        for _ in 0..<100 {
            var bytes = sound
            for _ in 0..<Int.random(in: 1...4, using: &generator) {
                bytes[Int.random(in: 0..<bytes.count - 192, using: &generator)] = UInt8.random(in: 0...255, using: &generator)
            }
            let path = try folder.write(bytes, to: "damaged.gguf")
            do { _ = try GGUFHeader.read(path: path) } catch { refused += 1 }
        }
        #expect(refused > 0)
    }
}

/// A random number generator with a seed, for reproducible failures.
struct SplitMix: RandomNumberGenerator {
    var state: UInt64

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var z = state
        z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
        z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
        return z ^ (z >> 31)
    }
}
