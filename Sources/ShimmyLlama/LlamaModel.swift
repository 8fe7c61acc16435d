import CChat
import CLlama
import ShimmyCore

/// A failed call of llama.cpp. The description names the call and the known reason.
package struct LlamaError: Error, CustomStringConvertible {
    package let description: String
}

/// The weights and the vocabulary of a model.
///
/// `@unchecked Sendable`: `pointer` is immutable after `init`, and llama.cpp only reads a loaded model.
package final class LlamaModel: @unchecked Sendable {
    let pointer: OpaquePointer
    package let path: String
    let controls: ControlTokens
    /// The tokens that are read from a text before it is split into words: all of them, and those without control tokens.
    let specials: SpecialTokens
    let definedSpecials: SpecialTokens
    /// The positions at which texts between these tokens can be cut.
    let cuts: TextCuts
    /// The tokenizer's limit of text without a break; nil if it accepts any text.
    private(set) var unbroken: UnbrokenText?
    private let onFree: @Sendable () -> Void

    package struct Options: Sendable {
        /// The number of layers on the GPU; negative for all.
        package var gpuLayers: Int32
        /// Whether to load the tokenizer without weights, for tests of the vocabulary and for counting tokens.
        package var vocabularyOnly: Bool

        /// Called when the memory of the weights is free again.
        package var onFree: @Sendable () -> Void
        /// Called with the loaded fraction, 0 to 1, on the loading thread. Returns whether to continue.
        package var progress: @Sendable (Double) -> Bool

        package init(
            gpuLayers: Int32 = -1, vocabularyOnly: Bool = false, onFree: @escaping @Sendable () -> Void = {},
            progress: @escaping @Sendable (Double) -> Bool = { _ in true }
        ) {
            self.gpuLayers = gpuLayers
            self.vocabularyOnly = vocabularyOnly
            self.onFree = onFree
            self.progress = progress
        }
    }

    /// Loads a GGUF file (the first shard of a split one). Blocks until the file is read, so never call it on a task's thread.
    /// Throws `LlamaError` if `llama_model_load_from_file` returns NULL.
    package init(path: String, options: Options = Options()) throws {
        LlamaBackend.ensureStarted()
        var parameters = llama_model_default_params()
        parameters.n_gpu_layers = options.gpuLayers
        parameters.vocab_only = options.vocabularyOnly
        let pointer = withUnsafePointer(to: options) { options in
            parameters.progress_callback_user_data = UnsafeMutableRawPointer(mutating: options)
            parameters.progress_callback = { $1?.assumingMemoryBound(to: Options.self).pointee.progress(Double($0)) ?? true }
            return llama_model_load_from_file(path, parameters)
        }
        guard let pointer else {
            throw LlamaError(description: "llama.cpp cannot load \(path); its log says why")
        }
        self.pointer = pointer
        self.path = path
        let vocabulary: OpaquePointer = llama_model_get_vocab(pointer)
        controls = ControlTokens(of: vocabulary)
        specials = SpecialTokens(of: vocabulary, withControls: true)
        definedSpecials = SpecialTokens(of: vocabulary, withControls: false)
        cuts = TextCuts(of: vocabulary) { LlamaModel.metadata($0, of: pointer) }
        onFree = options.onFree
        if llama_vocab_type(vocabulary) == LLAMA_VOCAB_TYPE_BPE {
            // The tokenizer of this name has its own pre-tokenizer, whatever the file says.
            let isGemma = metadata("tokenizer.ggml.model") == "gemma4"
            unbroken = UnbrokenText(preTokenizer: isGemma ? "gemma4" : metadata("tokenizer.ggml.pre"))
        }
    }

    deinit {
        llama_model_free(pointer)
        cchat_return_freed_memory()
        onFree()
    }

    /// Returns a value of the file's metadata as text; nil if the key is missing.
    func metadata(_ key: String, ofArchitecture: Bool = false) -> String? {
        func value(_ key: String) -> String? { Self.metadata(key, of: pointer) }
        return value(ofArchitecture ? "\(value("general.architecture") ?? "").\(key)" : key)
    }

    private static func metadata(_ key: String, of model: OpaquePointer) -> String? {
        var buffer = [CChar](repeating: 0, count: 256)
        let length = llama_model_meta_val_str(model, key, &buffer, buffer.count)
        return length < 0 ? nil : String(decoding: buffer.prefix(Int(length)).map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }

    package var trainedContextLength: Int { Int(llama_model_n_ctx_train(pointer)) }
    package var parameterCount: Int { Int(llama_model_n_params(pointer)) }
    package var sizeBytes: Int { Int(llama_model_size(pointer)) }
    /// The reason why this kind of model cannot generate text; nil if it can. llama.cpp would terminate the process instead of reporting it.
    package var generationObstacle: String? {
        if llama_model_has_encoder(pointer) { return "encoder-decoder models are not supported" }
        if !llama_model_has_decoder(pointer) { return "encoder-only models are not supported" }
        if llama_model_is_diffusion(pointer) { return "diffusion models are not supported" }
        return nil
    }

    /// Whether the state of a sequence is a running summary from which single tokens cannot be removed.
    package var isRecurrentOrHybrid: Bool { llama_model_is_recurrent(pointer) || llama_model_is_hybrid(pointer) }

    package var vocabulary: LlamaVocabulary { LlamaVocabulary(model: self) }
}
