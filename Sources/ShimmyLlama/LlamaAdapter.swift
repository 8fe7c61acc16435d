import CLlama

/// The tensors of a LoRA adapter for one model. Confined to the thread of the runner that owns it.
final class LlamaAdapter {
    let pointer: OpaquePointer
    /// The model, which keeps the adapter in its list and must outlive it.
    private let model: LlamaModel

    /// Loads an adapter. Check the file's header first, because llama.cpp terminates the process for some adapters that do not match the model.
    /// Throws `LlamaError` if `llama_adapter_lora_init` returns NULL.
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
