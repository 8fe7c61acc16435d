import Foundation
import ShimmyCore
import ShimmyModels
import Testing

@Suite struct NameTests {
    @Test(arguments: [
        ("", "", 0), ("", "abc", 3), ("abc", "", 3), ("port", "prot", 1), ("port", "part", 1), ("port", "ports", 1), ("port", "pot", 1),
        ("kitten", "sitting", 3), ("ca", "abc", 3),
    ])
    func lettersThatDifferAreCounted(left: String, right: String, count: Int) {
        #expect(edits(from: left.utf8, to: right.utf8) == count && edits(from: right.utf8, to: left.utf8) == count)
    }

    private let names = ["SmolLM2-135M-Instruct.Q4_1", "llama3.2", "qwen3:8b", "user/Repo:Q4_K_M"]

    @Test(arguments: [
        ("SmolLM3-135M-Instruct.Q4_1", "SmolLM2-135M-Instruct.Q4_1"), ("lama3.2", "llama3.2"), ("llmaa3.2", "llama3.2"), ("qwen3", "qwen3:8b"),
        ("instruct", "SmolLM2-135M-Instruct.Q4_1"), ("USER/REPO", "user/Repo:Q4_K_M"),
    ])
    func mistypedNamesAreUnderstood(name: String, meant: String) { #expect(NameDistance.closest(to: name, among: names).first == meant) }

    @Test(arguments: ["", "gpt-4o", "x", "mistral-7b", String(repeating: "y", count: 5000)])
    func otherNamesAreNot(name: String) { #expect(NameDistance.closest(to: name, among: names) == []) }

    @Test func atMostThreeAreTold() { #expect(NameDistance.closest(to: "model", among: (1...9).map { "model-\($0)" }).count == 3) }
}

@Suite struct AliasFileTests {
    private func file() throws -> (AliasFile, TemporaryFolder) {
        let folder = try TemporaryFolder()
        return (AliasFile(directory: folder.path + "/data"), folder)
    }

    @Test func aliasesAreKept() throws {
        let (file, folder) = try file()
        defer { withExtendedLifetime(folder) {} }
        #expect(file.aliases == [:])
        try file.set("fast", to: "small")
        try file.set("gpt-4o", to: "large")
        try file.set("fast", to: "smaller")
        #expect(file.aliases == ["fast": "smaller", "gpt-4o": "large"])
        #expect(try file.remove("fast"))
        #expect(try !file.remove("fast"))
        #expect(file.aliases == ["gpt-4o": "large"])
    }

    @Test(arguments: ["a/b:c", "hf.co/user/repo.x:Q4_K_M", "localhost:5000/a", "e\u{301}t\u{E9}", "qwen3:8b", "a/b..c", "9"])
    func namesOfOtherProgramsAreTaken(name: String) throws {
        let (file, folder) = try file()
        defer { withExtendedLifetime(folder) {} }
        try file.set(name, to: "m")
        #expect(file.aliases == [name: "m"])
    }

    @Test func changesAtTheSameTimeAreAllKept() async throws {
        let (file, folder) = try file()
        defer { withExtendedLifetime(folder) {} }
        // Another value of the file stands for another process: the lock does not belong to the value.
        let directory = folder.path + "/data"
        let names = (0..<24).map { "alias-\($0)" }
        await withTaskGroup(of: Void.self) { group in
            for name in names {
                group.addTask {
                    await withCheckedContinuation { done in
                        Thread.detachNewThread {
                            try? AliasFile(directory: directory).set(name, to: "m")
                            done.resume()
                        }
                    }
                }
            }
        }
        #expect(Set(file.aliases.keys) == Set(names))
    }

    @Test func aChangeIsCheckedWithTheNewestContent() throws {
        let (file, folder) = try file()
        defer { withExtendedLifetime(folder) {} }
        try file.set("Fast", to: "a")
        try file.set("fast", to: "b", isReplaced: { $0.lowercased() == "fast" }) { $0 == ["fast": "b"] ? nil : "unexpected: \($0)" }
        #expect(file.aliases == ["fast": "b"])
        let refusal = #expect(throws: AliasFile.Refusal.self) { try file.set("other", to: "c", problem: { _ in "no" }) }
        #expect(refusal == AliasFile.Refusal("no") && file.aliases == ["fast": "b"])
    }

    @Test func aFileThatCannotBeWrittenIsNotTheClientsMistake() throws {
        let folder = try TemporaryFolder()
        defer { withExtendedLifetime(folder) {} }
        // A file at the place of the directory.
        try Data().write(to: URL(fileURLWithPath: folder.path + "/data"))
        let refusal = #expect(throws: AliasFile.Refusal.self) { try AliasFile(directory: folder.path + "/data").set("fast", to: "m") }
        #expect(refusal?.isOfDisk == true)
    }

    @Test(arguments: [
        "", ".x", "/x", "a b", "a=b", "a\nb", "a\u{0}", "a\u{7F}b", "a\u{200D}", "a\u{202E}b", "http://x/y", "a//b", "a/", "a/../b", "a/.", "a:",
        String(repeating: "x", count: 201),
    ])
    func whatIsNoNameIsRefused(name: String) throws {
        let (file, folder) = try file()
        defer { withExtendedLifetime(folder) {} }
        #expect(throws: AliasFile.Refusal.self) { try file.set(name, to: "m") }
        #expect(file.aliases == [:])
    }

    @Test func aDamagedFileIsNotWrittenOver() throws {
        let (file, folder) = try file()
        try FileManager.default.createDirectory(atPath: folder.path + "/data", withIntermediateDirectories: true)
        try Data("{\"fast\": ".utf8).write(to: URL(fileURLWithPath: folder.path + "/data/aliases.json"))
        #expect(file.aliases == [:])
        #expect(throws: AliasFile.Refusal.self) { try file.set("a", to: "b") }
        #expect(throws: AliasFile.Refusal.self) { try file.remove("fast") }
    }
}
