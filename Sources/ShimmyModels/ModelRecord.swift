package import ShimmyChat
package import ShimmyJSON

/// The origin of a model.
package enum ModelSource: String, Sendable, CaseIterable {
    // In order of precedence: if two models have the same name, the model of the first source keeps it unchanged.
    case file, shimmy, directory, huggingFace = "huggingface", ollama, lmStudio = "lmstudio", llamaCpp = "llama.cpp", jan, gpt4All = "gpt4all"
    /// Another server, which computes the answers.
    case upstream

    package var label: String { rawValue }
}

/// The kind of content of a GGUF file.
package enum ModelKind: String, Sendable {
    /// A model that generates text.
    case model
    /// A model that computes embeddings of texts.
    case embedding
    /// A model that scores how well texts answer a question.
    case reranker
    /// A vision or audio encoder that belongs to a model.
    case projector
    /// A LoRA adapter.
    case adapter
    /// An importance matrix for quantization.
    case imatrix
    /// A tokenizer without weights.
    case vocabulary
    /// A file whose header could not be read far enough to determine its kind.
    case unknown
}

/// A model on the disk, as its header describes it, or a model of an upstream server, as the server describes it.
package struct ModelRecord: Sendable, Equatable {
    /// The name that users type and clients send.
    package var id: String
    /// The path of the file, or of the first part of a split model; empty for a model of an upstream server.
    package var path: String
    package var source: ModelSource
    package var kind: ModelKind
    package var architecture: String?
    package var parameterCount: Int?
    package var quantization: String?
    /// The context length that the model was trained with, in tokens; nil if unknown.
    package var contextLength: Int?
    /// The number of values in a token's embedding; for a projector, that of the models that it was made for. Nil if the file does not state it.
    package var embeddingLength: Int?
    package var hasChatTemplate = false
    /// The total size of all parts, in bytes.
    package var sizeBytes: Int
    /// The memory that the model takes when it is loaded; nil if it cannot be loaded.
    package var memory: MemoryEstimate?
    /// The time of the file's last change, in Unix seconds.
    package var modified: Int
    /// The paths of all parts, in order; one path for a model in one file.
    package var shards: [String]
    /// The reason why the model cannot be used; nil if it can. Unusable files are listed too, never hidden.
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

    /// The purposes of the model; empty for a file that is not a language model.
    package var roles: [ModelRole] {
        switch kind {
        case .model: [.chat]
        case .embedding: [.embeddings]
        case .reranker: [.rerank]
        case .projector, .adapter, .imatrix, .vocabulary, .unknown: []
        }
    }
    /// Whether the model can generate answers.
    package var isUsable: Bool { problem == nil && roles.contains(.chat) }
    /// Whether the model can be loaded and has some role.
    package var isLoadable: Bool { problem == nil && !roles.isEmpty }
    /// The path of the projector for images or audio; nil if the model has none.
    package var projector: String?
    /// The adapters that belong to the model, followed by the adapters that were found and may fit it.
    package var adapters: [LoRAAdapter] = []
    /// Whether the model is a folder of SafeTensors, which must be converted before loading.
    package var isFolder = false
    /// The id of the model whose weights this record uses, if the user defined this name; nil for a model that was found on the disk.
    package var base: String?
    /// The settings of the model if a client created it; nil for other models.
    package var creation: CreatedModel?
    /// Whether the files have no name of their own: they are listed only as the models that were created on them.
    package var isHidden = false
    /// Settings from the program that owns the model.
    package var hints = ModelHints()
    /// The sampling parameters that the model's makers recommend; see `RecommendedSampling`.
    package var sampling = JSONObject()
    /// The id of the loaded model whose engine this model shares; nil for a model that is loaded itself.
    package var engineOf: String?
    /// The manifest, if the file alone does not define the model because several models may use the same file. Nil for all models except
    /// Ollama's.
    package var manifest: Manifest?

    package struct Manifest: Sendable, Equatable {
        let path: String
        /// The SHA-256 of the manifest in hexadecimal, which is Ollama's digest of the model.
        let digest: String
        /// The time of the last change, in Unix seconds.
        let modified: Int
    }

    /// The identity of the content of a model's files, as far as it is known without reading them.
    struct Content: Sendable, Equatable {
        let shards: [String]
        let sizeBytes: Int
        let modified: Int
    }

    /// The servers that have the model; nil for a model on the disk. Such a record has no path, no files and no size.
    package var upstream: UpstreamReference?

    var content: Content { Content(shards: shards, sizeBytes: sizeBytes, modified: modified) }

    /// The record that is loaded for this model: itself, or the model whose engine it shares.
    package var loaded: ModelRecord {
        guard let engineOf else { return self }
        var record = self
        (record.id, record.base, record.creation, record.engineOf) = (engineOf, nil, nil, nil)
        return record
    }
}
