import ShimmyCore
import ShimmyModels
import Testing

/// The changes that make a loaded model stale, and those that do not.
@Suite struct LoadTermsTests {
    private let folder: TemporaryFolder
    private let memory = AdapterMemory()

    init() throws { folder = try TemporaryFolder() }

    private static func record(modified: Int = 1) -> ModelRecord {
        ModelRecord(id: "a", path: "/a.gguf", source: .shimmy, kind: .model, sizeBytes: 1, modified: modified, shards: ["/a.gguf"])
    }

    /// - adapters: the adapters that were found.
    private func terms(_ adapters: [LoRAAdapter] = []) throws -> LoadTerms {
        let model = try folder.write(GGUFFile.model().bytes, to: "model.gguf")
        return LoadTerms(Self.record(), ModelSettings(), plan: memory.plan(files: [model], candidates: adapters))
    }

    @Test func filesAndWhatTheyAreConvertedTo() {
        let loaded = LoadTerms(Self.record(), ModelSettings(), conversion: "/one")
        #expect(LoadTerms(Self.record(), ModelSettings(), conversion: "/one").change(since: loaded) == nil)
        #expect(LoadTerms(Self.record(modified: 2), ModelSettings(), conversion: "/one").change(since: loaded) == .files)
        #expect(LoadTerms(Self.record(), ModelSettings(), conversion: "/other").change(since: loaded) == .files)
    }

    @Test func theProcessConcernsTheLoad() {
        var isolated = ModelSettings()
        (isolated.isolation, isolated.isolationMemory) = (.process, 1_000)
        let loaded = LoadTerms(Self.record(), isolated)
        #expect(LoadTerms(Self.record(), isolated).change(since: loaded) == nil)
        #expect(LoadTerms(Self.record(), ModelSettings()).change(since: loaded) == .settings)
        isolated.isolationMemory = nil
        #expect(LoadTerms(Self.record(), isolated).change(since: loaded) == .settings)
    }

    @Test func settingsThatConcernTheLoad() {
        let loaded = LoadTerms(Self.record(), ModelSettings(contextLength: 512, slots: 2), chatTemplate: "{{ messages }}")
        func change(_ settings: ModelSettings, _ template: String? = "{{ messages }}") -> LoadTerms.Change? {
            LoadTerms(Self.record(), settings, chatTemplate: template).change(since: loaded)
        }
        #expect(change(ModelSettings(contextLength: 512, slots: 2, keepAlive: .seconds(1), isPinned: true, preloads: true)) == nil)
        #expect(change(ModelSettings(contextLength: 256, slots: 2)) == .settings)
        #expect(change(ModelSettings(contextLength: 512)) == .settings)
        #expect(change(ModelSettings(contextLength: 512, slots: 2), "{{ other }}") == .settings)
        #expect(change(ModelSettings(contextLength: 512, slots: 2), nil) == .settings)
        var adapted = ModelSettings(contextLength: 512, slots: 2)
        adapted.adapters = [LoRAAdapter(path: "/absent.gguf")]
        #expect(change(adapted) == .settings)
    }

    @Test func adaptersThatComeChangeAndGo() throws {
        let loaded = try terms()
        let adapter = LoRAAdapter(path: try folder.write(GGUFFile.adapter().bytes, to: "a.gguf"))
        let strange = LoRAAdapter(path: try folder.write(GGUFFile.adapter(rows: 5).bytes, to: "strange.gguf"), isRequired: false)
        #expect(try terms([strange]).change(since: loaded) == nil, "it would not be loaded")
        let adapted = try terms([adapter, strange])
        #expect(adapted.change(since: loaded) == .files && loaded.change(since: adapted) == .files)
        #expect(try terms([adapter, strange]).change(since: adapted) == nil)
        var weaker = adapter
        weaker.scale = 0.5
        #expect(try terms([weaker]).change(since: adapted) == .files)
        try folder.write(GGUFFile.adapter(rank: 32).bytes, to: "a.gguf")
        #expect(try terms([adapter]).change(since: adapted) == .files, "the same name, another content")
    }

    @Test func whatCannotBeToldIsNoChange() throws {
        let path = try folder.write(GGUFFile.adapter().bytes, to: "a.gguf")
        let loaded = try terms([LoRAAdapter(path: path)])
        try folder.write(Array(GGUFFile.adapter().bytes.prefix(40)), to: "a.gguf")
        #expect(try terms([LoRAAdapter(path: path)]).change(since: loaded) == nil, "it is just being written")
        #expect(memory.plan(files: [folder.path + "/absent.gguf"], candidates: [LoRAAdapter(path: path)]) == nil)
    }
}
