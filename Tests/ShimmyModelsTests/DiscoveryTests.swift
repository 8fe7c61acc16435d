import Foundation
import ShimmyJSON
import ShimmyModels
import Testing

/// Discovery in made-up folder trees that resemble real ones.
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

    /// Snapshots as they are after interrupted downloads, added branches and new revisions.
    @Test func huggingFacesCacheAsItReallyIs() throws {
        let hub = ".cache/huggingface/hub"
        func blob(_ repository: String, _ name: String, _ bytes: [UInt8]) throws { try home.write(bytes, to: "\(hub)/\(repository)/blobs/\(name)") }
        // Parts, one of which is missing: its link is dangling.
        for part in 1...2 {
            let name = "Q8_0/Big-Q8_0-0000\(part)-of-00002.gguf"
            try home.link("\(hub)/models--a--Big-GGUF/snapshots/1/\(name)", to: "../../../blobs/part\(part)")
        }
        try blob("models--a--Big-GGUF", "part1", model)
        try home.write("half", to: "\(hub)/models--a--Big-GGUF/blobs/part2.incomplete")
        // Two quantizations, a projector and an adapter of one repository, without a main branch: the newest revision is used.
        for (name, file) in [
            ("Nice-Q4_K_M.gguf", GGUFFile.model(context: 11)), ("Nice-Q8_0.gguf", GGUFFile.model(fileType: 7, context: 12)),
            ("mmproj-Nice-F16.gguf", GGUFFile.model(architecture: "clip")), ("nice-lora.gguf", GGUFFile.adapter()),
        ] {
            try blob("models--b--Nice-GGUF", name, file.bytes)
            try home.link("\(hub)/models--b--Nice-GGUF/snapshots/2/\(name)", to: "../../blobs/\(name)")
        }
        try home.link("\(hub)/models--b--Nice-GGUF/snapshots/3/Nice-Q4_K_M.gguf", to: "../../blobs/gone")
        try FileManager.default.setAttributes(
            [.modificationDate: Date(timeIntervalSince1970: 1)], ofItemAtPath: home.path + "/\(hub)/models--b--Nice-GGUF/snapshots/3")
        try home.write("2", to: "\(hub)/models--b--Nice-GGUF/refs/pr/1")
        try home.write("[]", to: "\(hub)/.locks/models--b--Nice-GGUF/x.lock")
        let records = Dictionary(uniqueKeysWithValues: scan().map { ($0.id, $0) })
        #expect(
            Set(records.keys) == [
                "a/Big-GGUF:Q8_0", "b/Nice-GGUF:Q4_K_M", "b/Nice-GGUF:Q8_0", "b/Nice-GGUF:F16", "b/Nice-GGUF/nice-lora",
            ])
        #expect(records["a/Big-GGUF:Q8_0"]?.problem == "its part Big-Q8_0-00002-of-00002.gguf is missing")
        #expect(records["b/Nice-GGUF:Q8_0"]?.projector?.hasSuffix("mmproj-Nice-F16.gguf") == true)
        #expect(records["b/Nice-GGUF:Q4_K_M"]?.adapters.map(\.name) == ["b/Nice-GGUF/nice-lora"])
        #expect(records["b/Nice-GGUF/nice-lora"]?.kind == .adapter)
        let catalog = ModelCatalog(records: scan())
        for name in ["b/Nice-GGUF:q8_0", "hf.co/b/Nice-GGUF:Q8_0", "Nice-GGUF:Q8_0", "huggingface.co/b/nice-gguf:q8_0"] {
            #expect(catalog.resolve(name)?.id == "b/Nice-GGUF:Q8_0", "\(name)")
        }
        #expect(catalog.resolve("b/Nice-GGUF:Q5_K_M") == nil)
        #expect(scan(environment: ["HUGGINGFACE_HUB_CACHE": home.path + "/elsewhere"]).isEmpty)
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
        #expect(problems["evil:1b"] == "its manifest has no valid digest")
        #expect(problems["broken:1b"] == "its manifest is not JSON")
        #expect(problems.count == 3)
        #expect(scan(environment: ["OLLAMA_MODELS": home.path + "/.ollama/models"]).count == records.count)
    }

    /// An Ollama manifest with all supported kinds of layers.
    @Test func ollamasProjectorsAndAdapters() throws {
        func digest(_ letter: String) -> String { String(repeating: letter, count: 64) }
        func layer(_ kind: String, _ digest: String) -> String {
            #"{"mediaType":"application/vnd.ollama.image.\#(kind)","digest":"sha256:\#(digest)"}"#
        }
        func write(_ name: String, _ layers: [String]) throws {
            try home.write(
                #"{"schemaVersion":2,"layers":[\#(layers.joined(separator: ","))]}"#,
                to: ".ollama/models/manifests/registry.ollama.ai/library/\(name)")
        }
        let files = [("a", GGUFFile.model()), ("b", GGUFFile.model(architecture: "clip")), ("c", GGUFFile.adapter())]
        for (letter, file) in files { try home.write(file.bytes, to: ".ollama/models/blobs/sha256-\(digest(letter))") }
        let texts = ["template", "system", "params", "license"].map { layer($0, digest("d")) }
        try write("all/latest", texts + [layer("model", digest("a")), layer("projector", digest("b")), layer("adapter", digest("c"))])
        let record = try #require(scan().first)
        #expect(scan().count == 1 && record.id == "all" && record.isUsable)
        #expect(record.projector?.hasSuffix(digest("b")) == true)
        #expect(record.adapters.count == 1 && record.adapters[0].path.hasSuffix(digest("c")))
        #expect(record.adapters[0].scale == 1 && record.adapters[0].isRequired && record.adapters[0].name == "ollama")
        try write("torn/latest", [layer("model", digest("a")), layer("adapter", digest("e"))])
        #expect(scan().first { $0.id == "torn" }?.problem == "its adapter is missing from Ollama's store")
    }

    @Test func whatOllamaSaysOfAModelIsKept() throws {
        func layer(_ kind: String, _ letter: Character) -> String {
            #"{"mediaType":"application/vnd.ollama.image.\#(kind)","digest":"sha256:\#(String(repeating: letter, count: 64))"}"#
        }
        let layers = [
            layer("model", "a"), layer("params", "b"), layer("system", "c"), layer("messages", "d"), layer("template", "e"), layer("license", "f"),
            #"{"mediaType":"application/vnd.ollama.image.system","digest":"sha256:../../secret"}"#,
        ]
        let store = ".ollama/models"
        try home.write("{\"layers\":[\(layers.joined(separator: ","))]}", to: "\(store)/manifests/registry.ollama.ai/library/pirate/latest")
        func blob(_ letter: Character) -> String { "\(store)/blobs/sha256-\(String(repeating: letter, count: 64))" }
        try home.write(model, to: blob("a"))
        try home.write(
            #"{"temperature":0.3,"num_ctx":2048,"num_predict":-1,"repeat_last_n":-1,"num_gpu":1,"stop":["1","2","3","4","5"]}"#, to: blob("b"))
        try home.write("You are a pirate.", to: blob("c"))
        try home.write(#"[{"role":"user","content":"hi"},{"role":"assistant"},{"role":"assistant","content":"Arr"}]"#, to: blob("d"))
        try home.write("{{ .System }}", to: blob("e"))
        let hints = try #require(scan().first).hints
        #expect(hints.defaults == ["temperature": 0.3, "repeat_last_n": 65536, "stop": ["1", "2", "3", "4"]])
        #expect(hints.contextLength == 2048)
        #expect(hints.system == "You are a pirate.")
        #expect(hints.messages.map(\.content) == ["hi", "Arr"])
        #expect(hints.hasForeignTemplate)
    }

    @Test func lmStudiosDirectories() throws {
        try home.write(model, to: ".lmstudio/models/publisher/Repo-GGUF/Repo-Q8_0.gguf")
        try home.write(GGUFFile.model(context: 3).bytes, to: ".cache/lm-studio/models/old/Repo/file.gguf")
        #expect(scan().map(\.id) == ["publisher/Repo-GGUF:Q8_0", "old/Repo/file"])
        #expect(scan().allSatisfy { $0.source == .lmStudio })
    }

    @Test func lmStudiosModelsElsewhere() throws {
        try home.write("\(home.path)/moved/lmstudio\n", to: ".lmstudio-home-pointer")
        try home.write(#"{"downloadsFolder": "\#(home.path)/big disk/models"}"#, to: "moved/lmstudio/settings.json")
        try home.write(model, to: "moved/lmstudio/models/a/B/b-Q8_0.gguf")
        try home.write(GGUFFile.model(context: 3).bytes, to: "big disk/models/c/D/d.gguf")
        try home.write("not json", to: ".cache/lm-studio/settings.json")
        #expect(scan().map(\.id) == ["a/B:Q8_0", "c/D/d"])
    }

    #if os(Linux)
        @Test func llamaCppsNewerCache() throws {
            let hub = "llama/models--ggml-org--Tiny-GGUF"
            try home.write(model, to: "\(hub)/blobs/abc")
            try home.link("\(hub)/snapshots/1/Tiny-Q4_0.gguf", to: "../../blobs/abc")
            try home.write("1", to: "\(hub)/refs/main")
            try home.write(GGUFFile.model(context: 5).bytes, to: "llama/flat.gguf")
            let records = scan(environment: ["LLAMA_CACHE": home.path + "/llama"])
            #expect(records.map(\.id) == ["flat", "ggml-org/Tiny-GGUF:Q4_0"] && records.allSatisfy { $0.source == .llamaCpp })
        }

        @Test func jansManifests() throws {
            let jan = ".local/share/Jan/data/llamacpp/models"
            let path = try home.write(model, to: "imported/My-Model-Q4_0.gguf")
            try home.write("name: Mine\nmodel_path: \(path)\nsize_bytes: 3\n", to: "\(jan)/mine/model.yml")
            try home.write(GGUFFile.model(context: 5).bytes, to: "\(jan)/pub/own/model.gguf")
            try home.write(GGUFFile.model(architecture: "clip").bytes, to: "\(jan)/pub/own/mmproj.gguf")
            try home.write(
                "mmproj_path: 'llamacpp/models/pub/own/mmproj.gguf'\nmodel_path: \"llamacpp/models/pub/own/model.gguf\"\n",
                to: "\(jan)/pub/own/model.yml")
            try home.write("model_path: /nowhere/gone.gguf\n", to: "\(jan)/gone/model.yml")
            try home.write("model_path: /etc/passwd\n", to: "\(jan)/evil/model.yml")
            try home.write(GGUFFile.model(context: 6).bytes, to: ".local/share/Jan/data/models/old/o.gguf")
            try home.write("model: old\nfiles:\n  - models/old/o.gguf\n", to: ".local/share/Jan/data/models/old/model.yml")
            try home.write(GGUFFile.model(context: 7).bytes, to: "jan/models/tiny/tinyllama.gguf")
            try home.write(
                #"{"id": "tinyllama-1.1b", "sources": [{"filename": "tinyllama.gguf", "url": "https://x"}]}"#, to: "jan/models/tiny/model.json")
            try home.write(#"{"id": "x", "sources": [{"filename": "../../../etc/passwd"}]}"#, to: "jan/models/evil/model.json")
            let records = Dictionary(uniqueKeysWithValues: scan().map { ($0.id, $0) })
            #expect(Set(records.keys) == ["tinyllama-1.1b", "mine", "pub/own", "mmproj", "gone", "old"])
            #expect(records.values.allSatisfy { $0.source == .jan })
            #expect(records["mine"]?.path == path && records["gone"]?.problem == "its file gone.gguf is missing")
            #expect(records["pub/own"]?.projector?.hasSuffix("mmproj.gguf") == true && records["pub/own"]?.isUsable == true)
        }

        @Test func gpt4AllsFolderIsWhereItsSettingsSay() throws {
            try home.write(model, to: "elsewhere/A.Q4_0.gguf")
            try home.write("[General]\nmodelPath=\(home.path)/elsewhere\nthreads=4\n", to: ".config/nomic.ai/GPT4All.ini")
            #expect(scan().map(\.id) == ["A.Q4_0"] && scan().first?.source == .gpt4All)
        }

        @Test func llamaCppsCache() throws {
            let cache = ".cache/llama.cpp"
            try home.write(model, to: "\(cache)/some_user_My_Repo-GGUF_my-model-Q4_K_M.gguf")
            try home.write("{}", to: "\(cache)/manifest=some_user=My_Repo-GGUF=Q4_K_M.json")
            try home.write(GGUFFile.model(context: 5).bytes, to: "\(cache)/loose.gguf")
            try home.write("half", to: "\(cache)/x.gguf.downloadInProgress")
            #expect(Set(scan().map(\.id)) == ["some_user/My_Repo-GGUF:Q4_K_M", "loose"])
            #expect(scan().allSatisfy { $0.source == .llamaCpp && $0.isUsable })
            #expect(scan(environment: ["LLAMA_CACHE": home.path + "/elsewhere"]).isEmpty)
        }

        @Test func jansAndGPT4AllsDirectories() throws {
            try home.write(model, to: "jan/models/old-model/file.gguf")
            try home.write(GGUFFile.model(context: 5).bytes, to: ".local/share/Jan/data/llamacpp/models/publisher/new-model/model.gguf")
            try home.write(GGUFFile.model(context: 6).bytes, to: ".local/share/nomic.ai/GPT4All/Llama-3.Q4_0.gguf")
            let sources = Dictionary(uniqueKeysWithValues: scan().map { ($0.id, $0.source) })
            #expect(sources == ["file": .jan, "publisher/new-model": .jan, "Llama-3.Q4_0": .gpt4All])
        }
    #endif

    @Test func projectorsBelongToTheModelsBesideThem() throws {
        var projector = GGUFFile.model()
        projector.add("general.type", "mmproj")
        try home.write(model, to: ".lmstudio/models/a/vision/vision-Q4_K_M.gguf")
        try home.write(projector.bytes, to: ".lmstudio/models/a/vision/mmproj-F16.gguf")
        try home.write(GGUFFile.model(context: 5).bytes, to: ".lmstudio/models/a/text/text-Q4_K_M.gguf")
        let models = Dictionary(uniqueKeysWithValues: scan().filter(\.isUsable).map { ($0.id, $0.projector) })
        #expect(models["a/vision:Q4_K_M"]??.hasSuffix("/a/vision/mmproj-F16.gguf") == true)
        #expect(models["a/text:Q4_K_M"] == .some(nil))
    }

    @Test func foldersOfSafeTensorsAreModels() throws {
        let config = #"{"architectures":["LlamaForCausalLM"],"max_position_embeddings":77}"#
        let header = #"{"a":{"dtype":"BF16","shape":[2,3],"data_offsets":[0,12]}}"#
        let weights =
            withUnsafeBytes(of: UInt64(header.utf8.count).littleEndian) { Array($0) } + Array(header.utf8) + [UInt8](repeating: 0, count: 12)
        let hub = ".cache/huggingface/hub/models--user--Repo"
        for folder in ["data/models/mine", "\(hub)/snapshots/abc"] {
            try home.write(config, to: folder + "/config.json")
            try home.write(weights, to: folder + "/model.safetensors")
        }
        try home.write(config, to: "data/models/cut/config.json")
        try home.write(Array(weights.prefix(30)), to: "data/models/cut/model.safetensors")
        try home.write(#"{"architectures":["StarfishForCausalLM"]}"#, to: "data/models/strange/config.json")
        try home.write(weights, to: "data/models/strange/model.safetensors")
        let records = Dictionary(uniqueKeysWithValues: scan().map { ($0.id, $0) })
        #expect(Set(records.keys) == ["mine", "user/Repo", "cut", "strange"])
        let mine = try #require(records["mine"])
        #expect(mine.isFolder && mine.isUsable && mine.architecture == "llama" && mine.parameterCount == 6 && mine.contextLength == 77)
        #expect(mine.quantization == "BF16" && records["user/Repo"]?.source == .huggingFace)
        #expect(records["cut"]?.problem != nil && records["strange"]?.problem?.contains("StarfishForCausalLM") == true)
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

    @Test func importanceMatricesOfBothFormats() throws {
        let name = "blk.0.attn_q.weight"
        let numbers = { (numbers: [Int32]) in numbers.flatMap(GGUFFile.little) }
        let old = numbers([1, Int32(name.utf8.count)]) + Array(name.utf8) + numbers([10, 4]) + [UInt8](repeating: 0, count: 16)
        try home.write(old, to: "data/models/imatrix.dat")
        try home.write(old, to: "data/models/Tiny.imatrix")
        var new = GGUFFile()
        new.add("general.type", "imatrix")
        try home.write(new.bytes, to: "data/models/new.gguf")
        try home.write(new.bytes, to: "data/models/new.imatrix")
        try home.write(Array(old.prefix(20)), to: "data/models/cut.dat")
        try home.write("some other data, long enough for a header of it", to: "data/models/other.dat")
        let kinds = Dictionary(uniqueKeysWithValues: scan().map { ($0.id, $0.kind) })
        #expect(kinds == ["imatrix.dat": .imatrix, "Tiny.imatrix": .imatrix, "new": .imatrix, "new.imatrix": .imatrix])
    }

    @Test func adaptersAreOfferedToModelsOfTheirArchitecture() throws {
        try home.write(model, to: "data/models/one/a.gguf")
        try home.write(GGUFFile.model(architecture: "qwen2").bytes, to: "data/models/one/b.gguf")
        try home.write(GGUFFile.adapter().bytes, to: "data/models/one/near.gguf")
        try home.write(GGUFFile.adapter().bytes, to: "data/models/far.gguf")
        let records = Dictionary(uniqueKeysWithValues: scan().map { ($0.id, $0.adapters) })
        #expect(records["a"]?.map(\.name) == ["near", "far"] && records["b"] == [])
        #expect(records["a"]?.allSatisfy { $0.scale == 0 && !$0.isRequired } == true)
    }

    /// Models of all sources have unique names, which are stable over time.
    @Test func namesOfAllSourcesDoNotCollide() throws {
        let digest = String(repeating: "f", count: 64)
        for (number, path) in [
            "data/models/Tiny-Q4_0.gguf", ".lmstudio/models/user/Tiny-GGUF/Tiny-Q4_0.gguf", ".ollama/models/blobs/sha256-\(digest)",
            ".cache/huggingface/hub/models--user--Tiny-GGUF/snapshots/1/Tiny-Q4_0.gguf", "given/tiny-q4_0.gguf",
        ].enumerated() { try home.write(GGUFFile.model(context: UInt32(100 + number)).bytes, to: path) }
        try home.write(manifest("sha256:\(digest)"), to: ".ollama/models/manifests/registry.ollama.ai/library/tiny-q4_0/latest")
        let ids = scan(extra: [home.path + "/given"]).map(\.id)
        #expect(ids == ["Tiny-Q4_0", "tiny-q4_0@directory", "user/Tiny-GGUF:Q4_0", "tiny-q4_0@ollama", "user/Tiny-GGUF:Q4_0@lmstudio"])
        let catalog = ModelCatalog(records: scan(extra: [home.path + "/given"]))
        #expect(ids.allSatisfy { catalog.resolve($0)?.id == $0 })
        #expect(catalog.resolve("user/tiny-gguf:q4_0")?.source == .huggingFace)
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
