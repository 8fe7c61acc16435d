import ShimmyFormats
import ShimmyModels
import Testing

/// The choice of adapters for a model. llama.cpp loads the chosen ones, and aborts the process for some that do not fit.
@Suite struct AdapterPlanTests {
    private let folder: TemporaryFolder

    init() throws { folder = try TemporaryFolder() }

    private func plan(_ adapters: [LoRAAdapter]) throws -> AdapterPlan {
        let model = try GGUFHeader.read(path: folder.write(GGUFFile.model().bytes, to: "model.gguf"))
        return try AdapterPlan(for: [model], candidates: adapters)
    }

    private func write(_ file: GGUFFile, _ name: String = "a.gguf") throws -> String { try folder.write(file.bytes, to: name) }

    @Test func thoseThatFitAreNumberedInTheirOrder() throws {
        let paths = try ["a", "b"].map { try write(.adapter(), "\($0).gguf") }
        let adapters = [LoRAAdapter(path: paths[0]), LoRAAdapter(name: "mine", path: paths[1], scale: 0.5)]
        let plan = try plan(adapters)
        #expect(plan.adapters == adapters && plan.adapters.map(\.name) == ["a", "mine"] && plan.refused.isEmpty)
    }

    @Test func oneFileIsOneAdapterAndOneNameMeansOne() throws {
        let (one, other) = (try write(.adapter(), "a.gguf"), try write(.adapter(), "b/a.gguf"))
        let plan = try plan([
            LoRAAdapter(path: one), LoRAAdapter(name: "again", path: one, isRequired: false), LoRAAdapter(path: other, isRequired: false),
        ])
        #expect(plan.adapters.map(\.path) == [one] && plan.refused == ["a": "another adapter has the same name"])
    }

    @Test func aRequiredOneThatDoesNotFitIsAnError() throws {
        let path = try write(.adapter(rows: 5))
        #expect(throws: AdapterError(adapter: "a", reason: "the shape of its tensor weights does not match the model's tensor")) {
            try plan([LoRAAdapter(path: path)])
        }
        #expect(throws: AdapterError.self) { try plan([LoRAAdapter(path: folder.path + "/absent.gguf")]) }
        #expect(try plan([LoRAAdapter(path: path, isRequired: false)]).refused.count == 1)
    }

    @Test func foundOnesTakeNoMoreMemoryThanTheModel() throws {
        let paths = try (0..<3).map { try write(.adapter(), "\($0).gguf") }
        #expect(try plan(paths.map { LoRAAdapter(path: $0) }).adapters.count == 3)
        // Each adapter is larger than the tiny model.
        let found = try plan(paths.map { LoRAAdapter(path: $0, scale: 0, isRequired: false) })
        #expect(found.adapters.isEmpty && found.refused.count == 3)
    }

    @Test func whatTheyTakeIsToldBeforeTheyAreLoaded() throws {
        let model = try folder.write(GGUFFile.model().bytes, to: "model.gguf")
        let (one, other, strange) = (GGUFFile.adapter(), GGUFFile.adapter(rank: 32), GGUFFile.adapter(rows: 5))
        let adapters = try [("one", one), ("other", other)].map { LoRAAdapter(path: try write($1, "\($0).gguf")) }
        let strangers = [LoRAAdapter(path: try write(strange, "strange.gguf"), isRequired: false)]
        let memory = AdapterMemory()
        #expect(memory.bytes(files: [model], candidates: []) == 0)
        for _ in 0..<2 {
            #expect(memory.bytes(files: [model], candidates: adapters + strangers) == one.bytes.count + other.bytes.count)
            #expect(memory.bytes(files: [model], candidates: [adapters[0]]) == one.bytes.count)
        }
        #expect(try plan(adapters + strangers).sizeBytes == one.bytes.count + other.bytes.count)
        // Another file with the same name.
        _ = try write(.adapter(rank: 8), "one.gguf")
        #expect(memory.bytes(files: [model], candidates: [adapters[0]]) == GGUFFile.adapter(rank: 8).bytes.count)
        _ = try write(strange, "one.gguf")
        #expect(memory.bytes(files: [model], candidates: adapters) == 0, "it is not loaded with that")
        #expect(memory.bytes(files: [folder.path + "/absent.gguf"], candidates: adapters) == 0)
    }

    /// An adapter for the token embeddings is refused if they are also the output layer, because llama.cpp would swap the adapter's two matrices.
    @Test func aTableThatIsTheOutputTooIsNotAdapted() throws {
        var adapter = GGUFFile.adapter()
        adapter.tensors = [("token_embd.weight.lora_a", [2, 5], 0, 0), ("token_embd.weight.lora_b", [2, 64], 0, 64)]
        adapter.dataBytes = 640
        let path = try write(adapter)
        func refused(tied: Bool) throws -> [String: String] {
            var model = GGUFFile.model()
            model.tensors = [("token_embd.weight", [64, 5], 0, 0)] + (tied ? [] : [("output.weight", [64, 5], 0, 1280)])
            model.dataBytes = 2560
            let header = try GGUFHeader.read(path: folder.write(model.bytes, to: "model.gguf"))
            return try AdapterPlan(for: [header], candidates: [LoRAAdapter(path: path, isRequired: false)]).refused
        }
        #expect(try refused(tied: false).isEmpty)
        #expect(try refused(tied: true)["a"]?.contains("cannot be adapted") == true)
    }

    private static let damages: [(String, @Sendable (inout GGUFFile) -> Void)] = [
        ("it is not an adapter", { $0.metadata[0] = ("general.type", 8, GGUFFile.string("model")) }),
        ("it is not an adapter", { $0.metadata[0] = ("general.type", 4, [1, 0, 0, 0]) }),
        ("the model's architecture is llama", { $0.metadata[1] = ("general.architecture", 8, GGUFFile.string("qwen2")) }),
        ("the model's architecture is llama", { $0.metadata[1] = ("general.architecture", 4, [1, 0, 0, 0]) }),
        ("it is not a LoRA adapter", { $0.metadata[2] = ("adapter.type", 8, GGUFFile.string("vera")) }),
        ("it is not a LoRA adapter", { $0.metadata[2] = ("adapter.type", 7, [1]) }),
        ("its alpha", { $0.metadata[3] = ("adapter.lora.alpha", 4, [1, 0, 0, 0]) }),
        ("its alpha", { $0.metadata[3] = ("adapter.lora.alpha", 12, GGUFFile.little(2.0.bitPattern)) }),
        ("activated LoRA", { $0.metadata.append(("adapter.alora.invocation_tokens", 9, GGUFFile.little(UInt32(4)) + GGUFFile.little(UInt64(0)))) }),
        ("it has no tensors", { $0.tensors = [] }),
        ("only one of its two halves", { $0.tensors.removeLast() }),
        ("the model has no tensor norms", { $0.tensors = [("norms.lora_a", [64, 2], 0, 0), ("norms.lora_b", [2, 4], 0, 512)] }),
        (
            "not part of a LoRA adapter",
            {
                $0.tensors.append(("weights.scale", [1], 0, 544))
                $0.dataBytes = 576
            }
        ),
        ("does not match the model's tensor", { $0.tensors[0].shape = [64, 1] }),
        ("does not match the model's tensor", { $0.tensors[0].shape = [2, 64] }),
        (
            "does not match the model's tensor",
            {
                $0.tensors[0].shape = [64, 2, 2]
                $0.tensors[1].offset = 1024
                $0.dataBytes = 2048
            }
        ),
        ("does not match the model's tensor", { $0.tensors = [("weights.lora_a", [64, 0], 0, 0), ("weights.lora_b", [0, 4], 0, 0)] }),
        ("does not match the model's tensor", { $0.tensors = [("norm.lora_a", [8, 1], 0, 0), ("norm.lora_b", [1, 1], 0, 32)] }),
        ("an unsupported type", { $0.tensors[0].type = 26 }),
    ]

    @Test(arguments: damages.indices) func whatDoesNotFitIsRefusedWithItsReason(index: Int) throws {
        var file = GGUFFile.adapter()
        Self.damages[index].1(&file)
        let path = try write(file)
        let refused = try plan([LoRAAdapter(path: path, isRequired: false)]).refused
        #expect(refused["a"]?.contains(Self.damages[index].0) == true, "\(refused)")
    }
}
