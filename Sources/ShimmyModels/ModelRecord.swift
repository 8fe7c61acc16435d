package import ShimmyJSON

/// Where a model was found.
package enum ModelSource: String, Sendable, CaseIterable {
    // In the order in which names are given away: the first one keeps the plain name.
    case file, shimmy, directory, huggingFace = "huggingface", ollama, lmStudio = "lmstudio", llamaCpp = "llama.cpp", jan, gpt4All = "gpt4all"

    package var label: String { rawValue }
}

/// What a GGUF file is.
package enum ModelKind: String, Sendable {
    /// Continues texts.
    case model
    /// Turns texts into vectors.
    case embedding
    /// Judges how well texts answer a question.
    case reranker
    /// A vision or audio encoder that belongs to a model.
    case projector
    /// A LoRA adapter.
    case adapter
    /// An importance matrix, made for quantizing.
    case imatrix
    /// A tokenizer without weights.
    case vocabulary
    /// A file that could not be read far enough to know.
    case unknown
}

/// A model on the disk, as its header describes it.
package struct ModelRecord: Sendable, Equatable {
    /// What one types and what clients send.
    package var id: String
    /// The file, or the first part of a split one.
    package var path: String
    package var source: ModelSource
    package var kind: ModelKind
    package var architecture: String?
    package var parameterCount: Int?
    package var quantization: String?
    /// Tokens that the model was trained on.
    package var contextLength: Int?
    /// Numbers that a token is to it; of a projector those of the models that it was made for. Nil where its file does not say.
    package var embeddingLength: Int?
    package var hasChatTemplate = false
    /// All parts together.
    package var sizeBytes: Int
    /// What it takes when it is loaded; nil for what cannot be.
    package var memory: MemoryEstimate?
    /// Unix seconds: when the file last changed.
    package var modified: Int
    /// All parts in order; one for a model in one file.
    package var shards: [String]
    /// Why it cannot be used; nil for a good one. Such a file is listed, never hidden.
    package var problem: String?

    package init(
        id: String, path: String, source: ModelSource, kind: ModelKind, sizeBytes: Int, modified: Int, shards: [String], problem: String? = nil
    ) {
        self.id = id
        self.path = path
        self.source = source
        self.kind = kind
        self.sizeBytes = sizeBytes
        self.modified = modified
        self.shards = shards
        self.problem = problem
    }

    /// Whether it can be asked for answers.
    package var isUsable: Bool { problem == nil && kind == .model }
    /// Whether it can be loaded and asked for something.
    package var isLoadable: Bool { problem == nil && [.model, .embedding, .reranker].contains(kind) }
    /// The file that makes it see or hear; nil for none.
    package var projector: String?
    /// Adapters that belong to it, then those that were found and may fit it.
    package var adapters: [LoRAAdapter] = []
    /// Whether it is a folder of SafeTensors, to be converted before it is loaded.
    package var isFolder = false
    /// The model whose weights these are, where a name of the user's own making stands for it; nil for a model that was found.
    package var base: String?
    /// What the program that keeps it says about its use.
    package var hints = ModelHints()
    /// How its makers recommend to draw its answers, see `RecommendedSampling`.
    package var sampling = JSONObject()
    /// The model that is loaded for it, so that both are one in memory; nil for one that is loaded itself.
    package var engineOf: String?
    /// What makes a model of its file, where it is not the file alone: several may name one file. Nil for all models but Ollama's.
    package var manifest: Manifest?

    package struct Manifest: Sendable, Equatable {
        let path: String
        /// Unix seconds.
        let modified: Int
    }

    /// What its files hold, as far as can be told without reading them.
    struct Content: Sendable, Equatable {
        let shards: [String]
        let sizeBytes: Int
        let modified: Int
    }

    var content: Content { Content(shards: shards, sizeBytes: sizeBytes, modified: modified) }

    /// What is loaded for it: itself, or the model whose engine it shares.
    package var loaded: ModelRecord {
        guard let engineOf else { return self }
        var record = self
        (record.id, record.base, record.engineOf) = (engineOf, nil, nil)
        return record
    }
}
