import CLlama

/// A LoRA adapter's tensors beside the model that they were made for. Confined to the thread of the runner that owns it.
final class LlamaAdapter {
    let pointer: OpaquePointer
    /// The adapter is in the model's list for as long as it lives.
    private let model: LlamaModel

    /// The file's header must have been checked: llama.cpp ends the process for some that do not fit.
    /// Throws `LlamaError` when `llama_adapter_lora_init` returns NULL.
    init(path: String, model: LlamaModel) throws {
        guard let pointer = llama_adapter_lora_init(model.pointer, path) else {
            throw LlamaError(description: "llama.cpp cannot load the adapter \(path); its log says why")
        }
        self.pointer = pointer
        self.model = model
    }

    deinit { llama_adapter_lora_free(pointer) }
}

@available(*, unavailable)
extension LlamaAdapter: Sendable {}
