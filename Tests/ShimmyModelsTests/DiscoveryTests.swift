import Foundation
import ShimmyModels
import Testing

/// Discovery on made-up trees that look like the real ones.
@Suite struct DiscoveryTests {
    private let home: TemporaryFolder

    init() throws { home = try TemporaryFolder() }

    private func scan(extra: [String] = [], environment: [String: String] = [:]) -> [ModelRecord] {
        let directories = Directories.standard(environment: ["SHIMMY_DATA_DIR": home.path + "/data"], home: home.path)
        return ModelDiscovery(directories: directories, extraDirectories: extra, environment: environment, home: home.path).scan()
    }

    private let model = GGUFFile.model().bytes

    @Test func shimmysOwnDirectory() throws {
        try home.write(model, to: "data/models/Tiny.Q4_1.gguf")
        try home.write(model, to: "data/models/half.gguf.partial")
        try home.write("notes", to: "data/models/readme.txt")
        let records = scan()
        #expect(records.map(\.id) == ["Tiny.Q4_1"])
        let record = try #require(records.first)
        #expect(record.source == .shimmy && record.kind == .model && record.isUsable)
        #expect(record.architecture == "llama" && record.quantization == "Q4_1" && record.contextLength == 2048)
        #expect(record.parameterCount == 264 && record.hasChatTemplate && record.sizeBytes == model.count)
        let date = try FileManager.default.attributesOfItem(atPath: record.path)[.modificationDate] as? Date
        #expect(record.modified == date.map { Int($0.timeIntervalSince1970) })
    }

    @Test func givenDirectoriesAndFilesOfTheEnvironment() throws {
        try home.write(model, to: "one/a.gguf")
        try home.write(model, to: "two/deep/er/b.gguf")
        try home.write(model, to: "three/c.gguf")
        try home.write(model, to: "base/d.gguf")
        let environment = ["SHIMMY_MODEL_PATHS": "\(home.path)/two;~/three", "SHIMMY_BASE_GGUF": home.path + "/base/d.gguf"]
        #expect(Set(scan(extra: [home.path + "/one"], environment: environment).map(\.id)) == ["a", "b", "c", "d"])
    }

    @Test func huggingFacesCache() throws {
        let hub = ".cache/huggingface/hub/models--user--Repo-GGUF"
        try home.write(model, to: "\(hub)/blobs/abc")
        for revision in ["old", "new"] { try home.link("\(hub)/snapshots/\(revision)/Repo-Q4_K_M.gguf", to: "../../blobs/abc") }
        try home.link("\(hub)/snapshots/new/nested/plain.gguf", to: "../../../blobs/def")
        try home.write(GGUFFile.model(context: 7).bytes, to: "\(hub)/blobs/def")
        try home.write("new\n", to: "\(hub)/refs/main")
        #expect(Set(scan().map(\.id)) == ["user/Repo-GGUF:Q4_K_M", "user/Repo-GGUF/plain"])
        #expect(scan().allSatisfy { $0.source == .huggingFace && $0.path.contains("/snapshots/new/") })
        #expect(scan().map(\.sizeBytes) == [model.count, model.count])
        #expect(scan(environment: ["HF_HUB_CACHE": home.path + "/elsewhere"]).isEmpty)
        #expect(scan(environment: ["HF_HOME": home.path + "/.cache/huggingface"]).count == 2)
    }

    private func manifest(_ digest: String) -> String {
        #"{"layers":[{"mediaType":"application/vnd.ollama.image.template","digest":"sha256:00"},"#
            + #"{"mediaType":"application/vnd.ollama.image.model","digest":"\#(digest)","size":1}]}"#
    }

    @Test func ollamasStore() throws {
        let digest = String(repeating: "ab12", count: 16)
        let other = String(repeating: "cd34", count: 16)
        let registry = ".ollama/models/manifests/registry.ollama.ai"
        try home.write(model, to: ".ollama/models/blobs/sha256-\(digest)")
        try home.write(GGUFFile.model(context: 9).bytes, to: ".ollama/models/blobs/sha256-\(other)")
        try home.write(manifest("sha256:\(digest)"), to: "\(registry)/library/llama3.2/latest")
        try home.write(manifest("sha256:\(other)"), to: "\(registry)/someone/model/7b-q4")
        try home.write(manifest("sha256:" + String(repeating: "0", count: 64)), to: "\(registry)/library/gone/1b")
        try home.write(manifest("sha256:../../../../etc/passwd"), to: "\(registry)/library/evil/1b")
        try home.write("not json", to: "\(registry)/library/broken/1b")
        try home.write(#"{"layers":[]}"#, to: "\(registry)/library/cloud/1b")
        let records = scan()
        #expect(records.filter(\.isUsable).map(\.id) == ["llama3.2", "someone/model:7b-q4"])
        let problems = Dictionary(uniqueKeysWithValues: records.compactMap { record in record.problem.map { (record.id, $0) } })
        #expect(problems["gone:1b"]?.contains("is missing from Ollama's store") == true)
        #expect(problems["evil:1b"] == "its manifest names no valid digest")
        #expect(problems["broken:1b"] == "its manifest is no JSON")
        #expect(problems.count == 3)
        #expect(scan(environment: ["OLLAMA_MODELS": home.path + "/.ollama/models"]).count == records.count)
    }

    @Test func lmStudiosDirectories() throws {
        try home.write(model, to: ".lmstudio/models/publisher/Repo-GGUF/Repo-Q8_0.gguf")
        try home.write(GGUFFile.model(context: 3).bytes, to: ".cache/lm-studio/models/old/Repo/file.gguf")
        #expect(scan().map(\.id) == ["publisher/Repo-GGUF:Q8_0", "old/Repo/file"])
        #expect(scan().allSatisfy { $0.source == .lmStudio })
    }

    @Test func partsAreOneModel() throws {
        for part in 1...3 { try home.write(model, to: "data/models/big-0000\(part)-of-00003.gguf") }
        let record = try #require(scan().first)
        #expect(scan().count == 1 && record.id == "big" && record.isUsable)
        #expect(record.shards.count == 3 && record.sizeBytes == 3 * model.count && record.parameterCount == 3 * 264)
        #expect(record.path.hasSuffix("big-00001-of-00003.gguf"))
    }

    @Test(arguments: [1, 2, 3])
    func aMissingPartIsNamed(missing: Int) throws {
        for part in 1...3 where part != missing { try home.write(model, to: "data/models/big-0000\(part)-of-00003.gguf") }
        let record = try #require(scan().first)
        #expect(scan().count == 1 && record.id == "big" && !record.isUsable)
        if missing > 1 { #expect(record.problem == "its part big-0000\(missing)-of-00003.gguf is missing") }
    }

    @Test func damagedFilesAreListedWithTheirReason() throws {
        try home.write(Array(model.prefix(100)), to: "data/models/cut.gguf")
        try home.write("hello, I am a text", to: "data/models/text.gguf")
        let records = scan()
        #expect(records.map(\.id) == ["cut", "text"])
        #expect(records.allSatisfy { $0.problem != nil && !$0.isUsable })
    }

    @Test func whatIsNoLanguageModelIsToldApart() throws {
        func write(_ name: String, _ change: (inout GGUFFile) -> Void) throws {
            var file = GGUFFile.model()
            change(&file)
            try home.write(file.bytes, to: "data/models/\(name).gguf")
        }
        try home.write(GGUFFile.model(architecture: "clip").bytes, to: "data/models/projector.gguf")
        try write("mmproj") { $0.add("general.type", "mmproj") }
        try write("lora") { $0.add("general.type", "adapter") }
        try write("matrix") { $0.add("general.type", "imatrix") }
        try write("vocab") { $0.tensors = [] }
        try write("embed") { $0.add("llama.attention.causal", false) }
        try write("pooled") { $0.add("llama.pooling_type", UInt32(1)) }
        let kinds = Dictionary(uniqueKeysWithValues: scan().map { ($0.id, $0.kind) })
        #expect(
            kinds == [
                "projector": .projector, "mmproj": .projector, "lora": .adapter, "matrix": .imatrix, "vocab": .vocabulary, "embed": .embedding,
                "pooled": .embedding,
            ])
        #expect(scan().allSatisfy { !$0.isUsable })
    }

    @Test func oneFileIsListedOnceAndNamesAreUnique() throws {
        let file = try home.write(model, to: "data/models/same.gguf")
        try home.link("elsewhere/link.gguf", to: file)
        try home.write(model, to: "other/same.gguf")
        try home.write(model, to: "third/SAME.gguf")
        try home.link("loop/again", to: home.path + "/loop")
        let records = scan(extra: ["elsewhere", "other", "third", "loop"].map { "\(home.path)/\($0)" })
        #expect(records.map(\.id) == ["same", "same@directory", "SAME@directory2"])
    }
}
