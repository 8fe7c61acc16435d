import CChat
import CLlama
import ShimmyCore

/// A call into llama.cpp failed; the description names the call and what is known of the reason.
package struct LlamaError: Error, CustomStringConvertible {
    package let description: String
}

/// A model's weights and vocabulary.
///
/// `@unchecked Sendable`: `pointer` is immutable after `init`, and llama.cpp only reads a loaded model.
package final class LlamaModel: @unchecked Sendable {
    let pointer: OpaquePointer
    package let path: String
    let controls: ControlTokens
    /// Nil where the tokenizer takes any text.
    private(set) var unbroken: UnbrokenText?
    private let onFree: @Sendable () -> Void

    package struct Options: Sendable {
        /// Layers on the GPU; negative for all.
        package var gpuLayers: Int32
        /// Tokenizer only, no weights: for tests of the vocabulary and for counting tokens.
        package var vocabularyOnly: Bool

        /// Told when the weights' memory is free again.
        package var onFree: @Sendable () -> Void
        /// Told how much is loaded, 0 to 1; whether to go on. Called on the loading thread.
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

    /// Loads a GGUF file (its first shard). Blocks for as long as reading takes: never call it on a task's thread.
    /// Throws `LlamaError` when `llama_model_load_from_file` returns NULL.
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
        controls = ControlTokens(of: llama_model_get_vocab(pointer))
        onFree = options.onFree
        if llama_vocab_type(llama_model_get_vocab(pointer)) == LLAMA_VOCAB_TYPE_BPE {
            unbroken = UnbrokenText(preTokenizer: metadata("tokenizer.ggml.pre"))
        }
    }

    deinit {
        llama_model_free(pointer)
        cchat_return_freed_memory()
        onFree()
    }

    /// A value of the file's metadata as text; nil where there is none.
    func metadata(_ key: String, ofArchitecture: Bool = false) -> String? {
        func value(_ key: String) -> String? {
            var buffer = [CChar](repeating: 0, count: 256)
            let length = llama_model_meta_val_str(pointer, key, &buffer, buffer.count)
            return length < 0 ? nil : String(decoding: buffer.prefix(Int(length)).map { UInt8(bitPattern: $0) }, as: UTF8.self)
        }
        return value(ofArchitecture ? "\(value("general.architecture") ?? "").\(key)" : key)
    }

    package var trainedContextLength: Int { Int(llama_model_n_ctx_train(pointer)) }
    package var parameterCount: Int { Int(llama_model_n_params(pointer)) }
    package var sizeBytes: Int { Int(llama_model_size(pointer)) }
    /// Why this kind of model cannot continue a text; nil for those that can. llama.cpp would end the process instead of saying so.
    package var generationObstacle: String? {
        if llama_model_has_encoder(pointer) { return "encoder-decoder models are not supported" }
        if !llama_model_has_decoder(pointer) { return "it only encodes" }
        if llama_model_is_diffusion(pointer) { return "diffusion models are not supported" }
        return nil
    }

    /// Whether it makes one vector of a text.
    package var isEmbedder: Bool { LlamaEmbedder.pooling(of: self) != nil }

    /// Whether a sequence's state is a running summary that cannot drop single tokens.
    package var isRecurrentOrHybrid: Bool { llama_model_is_recurrent(pointer) || llama_model_is_hybrid(pointer) }

    package var vocabulary: LlamaVocabulary { LlamaVocabulary(model: self) }
}
