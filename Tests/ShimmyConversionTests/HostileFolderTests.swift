import Foundation
import ShimmyConversion
import ShimmyFormats
import ShimmyJSON
import ShimmyTestSupport
import Testing

/// Folders with random damage in headers and JSON: each is converted, or refused with a reason.
@Suite struct HostileFolderTests {
    private static let files = ["config.json", "tokenizer.json", "tokenizer_config.json", "model.safetensors"]

    private func sound() throws -> (folder: FolderFixture, files: [String: [UInt8]]) {
        let folder = try FolderFixture()
        try folder.makeLlama(["rope_scaling": Self.stretched])
        try folder.writeWeights()
        let files = try Self.files.map { ($0, [UInt8](try Data(contentsOf: URL(filePath: "\(folder.path)/\($0)")))) }
        return (folder, Dictionary(uniqueKeysWithValues: files))
    }

    /// The RoPE scaling type with the most parameters.
    private static let stretched: JSON = ["rope_type": "yarn", "factor": 4.0, "original_max_position_embeddings": 32.0]

    /// Returns whether the folder can be converted. Throws errors other than `FormatError`.
    private func converts(_ folder: FolderFixture) throws -> Bool {
        do {
            let hub = try HubFolder(path: folder.path)
            _ = try hub.describe()
            try FolderConverter(folder: hub, name: "test").convert(to: folder.path + "/out.gguf")
            return true
        } catch {
            return false
        }
    }

    @Test(arguments: 0..<8 as Range<UInt64>) func damagedBytesAreConvertedOrRefused(seed: UInt64) throws {
        var random = SeededGenerator(seed: seed)
        let (folder, files) = try sound()
        var converted = 0
        for _ in 0..<200 {
            let name = Self.files.randomElement(using: &random)!
            // In weight files only damage to the header matters: any bytes are valid tensor values.
            try folder.write(name, Damage.apply(to: files[name]!, using: &random))
            converted += try converts(folder) ? 1 : 0
            try folder.write(name, files[name]!)
        }
        #expect(converted < 200)
        #expect(try converts(folder))
    }

    @Test(arguments: 0..<8 as Range<UInt64>) func strangeValuesAreConvertedOrRefused(seed: UInt64) throws {
        var random = SeededGenerator(seed: seed)
        let (folder, files) = try sound()
        var refused = 0
        for _ in 0..<200 {
            let name = Self.files.randomElement(using: &random)!
            if name.hasSuffix(".json") {
                try folder.write(name, Self.changed(try JSON.parse(files[name]!), using: &random))
            } else {
                let bytes = files[name]!
                let end = 8 + bytes[..<8].reversed().reduce(0) { $0 << 8 | Int($1) }
                let header = Array(Self.changed(try JSON.parse(bytes[8..<end]), using: &random).text.utf8)
                try folder.write(name, withUnsafeBytes(of: UInt64(header.count).littleEndian) { Array($0) } + header + bytes[end...])
            }
            refused += try converts(folder) ? 0 : 1
            try folder.write(name, files[name]!)
        }
        #expect(refused > 10)
    }

    private static let strange: [JSON] = [
        .null, true, false, 0, 1, -1, 0.5, 1e300, 1e308, -1e308, .int(1 << 31), .int(1 << 32), .int(1 << 40), .int(.max), .int(.min),
        .int(1 << 62), "", "a", "/../../etc/passwd", "\u{0}", [], [0], [[[]]], [:], ["": ""], ["type": "BPE"],
        .string(String(repeating: "x", count: 5000)),
    ]

    /// Returns the value with one random part replaced.
    private static func changed(_ value: JSON, using random: inout SeededGenerator) -> JSON {
        if Int.random(in: 0..<4, using: &random) > 0 {
            if let object = value.objectValue, !object.isEmpty {
                let target = Int.random(in: 0..<object.count, using: &random)
                var copy = JSONObject()
                for (index, (key, member)) in object.enumerated() { copy[key] = index == target ? changed(member, using: &random) : member }
                return .object(copy)
            }
            if var elements = value.arrayValue, !elements.isEmpty {
                let target = Int.random(in: 0..<elements.count, using: &random)
                elements[target] = changed(elements[target], using: &random)
                return .array(elements)
            }
        }
        return strange.randomElement(using: &random)!
    }

    @Test(arguments: [1e300, -1e300, 1e19, 0x1p63, 0x1p32, 0, -1, 0.5]) func countsBeyondAllBoundsAreRefused(count: Double) throws {
        let folder = try FolderFixture()
        try folder.makeLlama(["rope_scaling": ["rope_type": "yarn", "factor": 4.0, "original_max_position_embeddings": .double(count)]])
        try folder.writeWeights()
        let error = #expect(throws: FormatError.self) {
            try FolderConverter(folder: HubFolder(path: folder.path), name: "test").convert(to: folder.path + "/out.gguf")
        }
        #expect(error?.description == "config.json has no usable rope_scaling.original_max_position_embeddings")
    }

    private static let tests = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
    private static let corpus = tests.appending(path: "Corpus/safetensors")
    /// The expected refusal of each corpus file whose name begins with `bad-`.
    private static let reasons = [
        "no-json": "is not JSON", "no-object": "is not a JSON object",
        "header-long": "is truncated or damaged", "header-cut": "is truncated or damaged",
        "short": "is too short for a SafeTensors file", "data-cut": "tensor a in", "offsets-turned": "tensor a in", "offsets-wrap": "tensor a in",
        "shape-negative": "tensor a in", "shape-wraps": "tensor a in", "shape-lies": "tensor a in", "no-type": "tensor a in",
        "overlap": "the tensor b in", "same-place": "overlaps another tensor",
    ]

    private static var seeds: [(name: String, bytes: [UInt8])] {
        get throws {
            try FileManager.default.contentsOfDirectory(at: corpus, includingPropertiesForKeys: nil).filter { $0.pathExtension == "safetensors" }
                .sorted { $0.path() < $1.path() }.map { ($0.deletingPathExtension().lastPathComponent, [UInt8](try Data(contentsOf: $0))) }
        }
    }

    /// Returns why the folder is refused, or nil if it is accepted.
    private func refusal(of folder: FolderFixture) -> String? {
        do throws(FormatError) { _ = try HubFolder(path: folder.path).describe() } catch { return error.description }
        return nil
    }

    @Test func theCorpusIsReadAsItsNamesSay() throws {
        let seeds = try Self.seeds
        let bad = seeds.filter { $0.name.hasPrefix("bad-") }
        #expect(bad.count == Self.reasons.count && seeds.count > bad.count)
        let folder = try FolderFixture()
        try folder.write("config.json", ["architectures": ["LlamaForCausalLM"]])
        for (name, bytes) in seeds {
            try folder.write("model.safetensors", bytes)
            let problem = refusal(of: folder)
            guard name.hasPrefix("bad-") else {
                #expect(problem == nil, "\(name)")
                continue
            }
            let reason = try #require(Self.reasons[String(name.dropFirst(4))], "\(name)")
            #expect(problem?.contains(reason) == true, "\(name): \(problem ?? "none")")
        }
    }

    @Test(arguments: 0..<4 as Range<UInt64>) func theDamagedCorpusIsReadOrRefused(seed: UInt64) throws {
        var random = SeededGenerator(seed: seed)
        let folder = try FolderFixture()
        try folder.write("config.json", ["architectures": ["LlamaForCausalLM"]])
        var refused = 0
        for (_, bytes) in try Self.seeds {
            for _ in 0..<60 {
                try folder.write("model.safetensors", Damage.apply(to: bytes, using: &random))
                refused += refusal(of: folder) == nil ? 0 : 1
            }
        }
        #expect(refused > 100)
    }

    @Test func lengthsBeyondTheFileAreNotBelieved() throws {
        let folder = try FolderFixture()
        try folder.makeLlama()
        for length in [UInt64.max, 1 << 63, 1 << 40, 17 << 20, 9] {
            try folder.write("model.safetensors", withUnsafeBytes(of: length.littleEndian) { Array($0) } + Array("{}".utf8))
            #expect(try !converts(folder))
        }
        // A sparse file is as large as its header claims, but the header is still too long.
        try folder.write("model.safetensors", withUnsafeBytes(of: UInt64(64 << 20).littleEndian) { Array($0) } + Array("{}".utf8))
        #expect(truncate(folder.path + "/model.safetensors", 1 << 30) == 0)
        #expect(try !converts(folder))
        try folder.write("config.json", Array("[".utf8) + Array(repeating: UInt8(ascii: " "), count: 100))
        #expect(truncate(folder.path + "/config.json", 1 << 30) == 0)
        #expect(try !converts(folder))
    }

    @Test func jsonOfManyValuesIsRefused() throws {
        let folder = try FolderFixture()
        try folder.makeLlama()
        try folder.writeWeights()
        try folder.write("config.json", Array("[0".utf8) + Array(repeating: Array(",0".utf8), count: 1 << 21).joined() + Array("]".utf8))
        #expect(try !converts(folder))
    }
}
