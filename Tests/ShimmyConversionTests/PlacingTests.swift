import Foundation
import ShimmyConversion
import ShimmyFormats
import ShimmyTestSupport
import Testing

/// Placement of a converted file: complete, without leftovers, and only with enough disk space.
@Suite struct PlacingTests {
    private let fixture: FolderFixture
    private var target: String { fixture.path + "/made/out.gguf" }

    init() throws {
        fixture = try FolderFixture()
        try fixture.makeLlama()
        try fixture.writeWeights()
        try fixture.write("made/other.gguf", [UInt8(1)])
    }

    private func converter(room: Int? = nil) throws -> FolderConverter {
        FolderConverter(folder: try HubFolder(path: fixture.path), name: "test") { _ in room }
    }

    private var made: [String] { get throws { try FileManager.default.contentsOfDirectory(atPath: fixture.path + "/made").sorted() } }

    private func bytes() throws -> [UInt8] { [UInt8](try Data(contentsOf: URL(fileURLWithPath: target))) }

    @Test func noRoomIsSaidWithNumbers() throws {
        try converter().convert(to: target)
        let size = try bytes().count
        try FileManager.default.removeItem(atPath: target)
        let error = #expect(throws: FormatError.self) { try converter(room: size - 1).convert(to: target) }
        #expect(error?.description == "\(fixture.path)/made has \(size - 1) bytes free, but \(size) are needed")
        #expect(try made == ["other.gguf"], "nothing was begun")
        try converter(room: size).convert(to: target)
        #expect(try bytes().count == size)
    }

    @Test func whoeverEndsItLeavesNothing() throws {
        let converter = try converter()
        #expect(throws: FormatError("enough")) {
            try converter.convert(to: target) { done, _ throws(FormatError) in
                if done > 1000 { throw FormatError("enough") }
            }
        }
        #expect(try made == ["other.gguf"])
    }

    /// Two conversions of the same folder at a time do not interfere with each other.
    @Test func twoAtOnceDoNotMix() throws {
        let converter = try converter()
        try converter.convert(to: target)
        let whole = try bytes()
        var others = 0
        try converter.convert(to: target) { _, _ throws(FormatError) in
            others += 1
            if others <= 3 { try converter.convert(to: target) }
        }
        #expect(try bytes() == whole && others > 3)
        #expect(try made == ["other.gguf", "out.gguf"])
    }

    @Test func whatIsNotFinishedAnyMoreGoes() throws {
        let folder = fixture.path + "/made"
        for name in ["dead.gguf.1.partial", "held.gguf.2.partial", "young.gguf.3.partial"] {
            try fixture.write("made/\(name)", [UInt8(1)])
            guard !name.hasPrefix("young") else { continue }
            try FileManager.default.setAttributes([.modificationDate: Date(timeIntervalSinceNow: -3600)], ofItemAtPath: "\(folder)/\(name)")
        }
        let held = try #require(FileHandle(forReadingAtPath: folder + "/held.gguf.2.partial"))
        #expect(flock(held.fileDescriptor, LOCK_EX | LOCK_NB) == 0)
        UnfinishedFiles.removeAbandoned(in: folder)
        #expect(try made == ["held.gguf.2.partial", "other.gguf", "young.gguf.3.partial"])
        try held.close()
        UnfinishedFiles.removeAbandoned(in: folder)
        #expect(try made == ["other.gguf", "young.gguf.3.partial"])
    }
}
