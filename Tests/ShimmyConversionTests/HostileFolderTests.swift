import Foundation
import ShimmyConversion
import ShimmyJSON
import ShimmyTestSupport
import Testing

/// Folders whose headers and JSON are damaged in thousands of ways: each is converted, or refused with a reason.
@Suite struct HostileFolderTests {
    private static let files = ["config.json", "tokenizer.json", "tokenizer_config.json", "model.safetensors"]

    private func sound() throws -> (folder: FolderFixture, files: [String: [UInt8]]) {
        let folder = try FolderFixture()
        try folder.makeLlama()
        try folder.writeWeights()
        let files = try Self.files.map { ($0, [UInt8](try Data(contentsOf: URL(filePath: "\(folder.path)/\($0)")))) }
        return (folder, Dictionary(uniqueKeysWithValues: files))
    }

    /// Whether the folder is converted. Anything but a `ConversionError` would fail the test, a crash ends it.
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
            // Of weights the header is what is read; a damaged value is a value.
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
        .null, true, false, 0, 1, -1, 0.5, 1e308, -1e308, .int(1 << 31), .int(1 << 32), .int(1 << 40), .int(.max), .int(.min), .int(1 << 62), "",
        "a", "/../../etc/passwd", "\u{0}", [], [0], [[[]]], [:], ["": ""], ["type": "BPE"], .string(String(repeating: "x", count: 5000)),
    ]

    /// The value with something in it replaced.
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

    @Test func lengthsBeyondTheFileAreNotBelieved() throws {
        let folder = try FolderFixture()
        try folder.makeLlama()
        for length in [UInt64.max, 1 << 63, 1 << 40, 17 << 20, 9] {
            try folder.write("model.safetensors", withUnsafeBytes(of: length.littleEndian) { Array($0) } + Array("{}".utf8))
            #expect(try !converts(folder))
        }
        // A sparse file holds what its header claims; the header is still too long.
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
