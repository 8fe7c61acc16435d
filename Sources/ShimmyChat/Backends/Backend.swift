package import ShimmyCore
package import ShimmyEngine

/// A request for an answer to a conversation.
package struct ChatRequest: Sendable, Equatable {
    package var conversation: Conversation
    /// The maximum number of tokens in the answer; nil for the remaining context.
    package var maximumTokens: Int?
    /// Whether to reduce `maximumTokens` to the room in the context instead of rejecting the request.
    package var clampsMaximumTokens = false
    package var sampling: SamplingParameters
    package var stops: [String]
    /// The number of answers. With a seed, each answer after the first gets its own seed.
    package var choices: Int
    /// The expected answer, complete or in parts; empty for none. It saves time and does not change any token.
    package var prediction: String
    /// The maximum number of reasoning tokens, for models whose template marks reasoning; nil for no limit.
    package var thinkingBudget: Int?
    /// An additional grammar of the answer, in llama.cpp's notation (GBNF); nil for none.
    package var grammar: String?
    /// The API's name of the grammar field, for error messages.
    package var grammarField = "grammar"
    /// The adapters to compute with; nil for the model's configured adapters.
    package var adapters: [AdapterChoice]?

    package init(
        conversation: Conversation, maximumTokens: Int? = nil, sampling: SamplingParameters = .init(), stops: [String] = [], choices: Int = 1,
        prediction: String = "", thinkingBudget: Int? = nil, grammar: String? = nil
    ) {
        self.grammar = grammar
        self.conversation = conversation
        self.thinkingBudget = thinkingBudget
        self.maximumTokens = maximumTokens
        self.sampling = sampling
        self.stops = stops
        self.choices = choices
        self.prediction = prediction
    }

    package init(messages: [ChatMessage], maximumTokens: Int? = nil, sampling: SamplingParameters = .init(), stops: [String] = []) {
        self.init(conversation: Conversation(messages: messages), maximumTokens: maximumTokens, sampling: sampling, stops: stops)
    }
}

/// A request for continuations of texts, without a chat template.
package struct TextRequest: Sendable, Equatable {
    package enum Prompt: Sendable, Equatable {
        case text(String)
        case tokens([Token])

        /// The size in bytes: of a text the exact size, of tokens an estimate.
        var size: Int {
            switch self {
            case .text(let text): text.utf8.count
            case .tokens(let tokens): tokens.count * 4
            }
        }
    }

    package var prompts: [Prompt]
    /// The text after the gap to fill; nil to continue the text at its end.
    package var suffix: String?
    /// The maximum number of tokens in each answer. With 0, only the prompt is computed.
    package var maximumTokens: Int
    package var sampling: SamplingParameters
    package var stops: [String]
    /// The number of answers to each prompt. The answers to the first prompt come first.
    package var choices: Int
    /// Whether to return the log probabilities of the prompt's tokens.
    package var scoresPrompt = false
    /// See `ChatRequest.adapters`.
    package var adapters: [AdapterChoice]?

    package init(prompts: [Prompt], suffix: String?, maximumTokens: Int, sampling: SamplingParameters, stops: [String], choices: Int) {
        self.prompts = prompts
        self.suffix = suffix
        self.maximumTokens = maximumTokens
        self.sampling = sampling
        self.stops = stops
        self.choices = choices
    }
}

/// The purpose of a model.
package enum Capability: String, Sendable {
    case chat
    case embeddings
    case rerank
}

/// An error that shows that the model cannot serve a request, found before any work starts.
package enum GenerationError: Error, Equatable {
    case templateRefused(String)
    /// The prompt and the answer do not fit the context. `requested` is the request's limit of answer tokens; nil without one. With `isFewest`,
    /// `prompt` is a lower bound, because the text is far too long to be tokenized.
    case contextExceeded(prompt: Int, requested: Int?, context: Int, isFewest: Bool = false)
    case emptyPrompt
    /// The conversation's calls and results do not match. The description uses OpenAI's wording.
    case badToolResults(String)
    /// A text of the request exceeds a limit, or takes too long to process. The description completes the sentence "The prompt …".
    case beyondLimit(String)
    /// The model has no tokens for infilling.
    case noInfill
    /// A prompt contains a token that is not in the vocabulary.
    case unknownPromptToken(prompt: Int, Token)
    /// The model has another purpose: `asked` is the requested one, `can` the model's.
    case wrongKind(asked: Capability, can: Capability)
    /// The input at this index has no tokens.
    case emptyInput(Int)
    /// The input at this index is longer than the model's context.
    case inputTooLong(Int, tokens: Int, context: Int)
    /// The request asks for more dimensions than the model's vectors have.
    case tooManyDimensions(Int, most: Int)
    /// The request asks for more answers than the engine can run and queue at once. `choices` counts the answers to each prompt.
    case tooManyAnswers(prompts: Int, choices: Int, most: Int)
    /// The request sets a bias for a token that is not in the vocabulary.
    case unknownToken(Token, vocabulary: Int)
    /// The text grammar of the custom tool at this index cannot be used.
    case badToolGrammar(Int, String)
    /// The last message cannot be the start of an answer that matches the request's constraints.
    case unfitBeginning(String)
    /// The request's grammar does not parse.
    case badGrammar(field: String, String)
    /// A schema cannot be enforced: that of the tool at this index, or that of the response for nil.
    case badSchema(tool: Int?, String)
    /// The adapter at this index of the request's list cannot be used.
    case badAdapter(Int, AdapterChoice.Reference, String)
}

/// A conversation in the form in which the model reads it.
package struct PreparedPrompt: Sendable, Equatable {
    package var text: String
    package var tokens: [Token]
    package var report = AnswerReport()
}

/// The information with which a client can write prompts for a model itself.
package struct TokenizerFacts: Sendable, Equatable {
    /// The texts of BOS and EOS; nil if the model has no such token.
    package var beginning: String?
    package var end: String?
    /// The chat template in Jinja.
    package var template: String

    package init(beginning: String?, end: String?, template: String) {
        self.beginning = beginning
        self.end = end
        self.template = template
    }
}

extension TokenizerFacts {
    package init(_ vocabulary: any Vocabulary, template: String) {
        func text(_ token: Token?) -> String? { token.map { String(decoding: vocabulary.piece(of: $0, special: true), as: UTF8.self) } }
        self.init(beginning: text(vocabulary.beginning.first), end: text(vocabulary.ending), template: template)
    }
}

/// A request for embeddings of texts.
package struct EmbeddingRequest: Sendable, Equatable {
    package var inputs: [TextRequest.Prompt]
    /// The number of dimensions of each vector; nil for the model's own.
    package var dimensions: Int?

    package init(inputs: [TextRequest.Prompt], dimensions: Int? = nil) {
        self.inputs = inputs
        self.dimensions = dimensions
    }
}

package struct EmbeddingResult: Sendable, Equatable {
    /// One vector of length 1 for each input, in order.
    package var vectors: [[Float]]
    /// The number of tokens of all inputs.
    package var promptTokens: Int
}

/// A request to rate how well documents answer a query.
package struct RerankRequest: Sendable, Equatable {
    package var query: String
    package var documents: [String]

    package init(query: String, documents: [String]) {
        self.query = query
        self.documents = documents
    }
}

package struct RerankResult: Sendable, Equatable {
    /// One score for each document, in order. A higher score is better.
    package var scores: [Float]
    package var promptTokens: Int
}

/// The owner and the urgency of a request.
package struct ServiceTerms: Sendable, Equatable {
    /// The owner whose fair share of the engine includes the request.
    package var owner: Owner
    /// Whether the request runs only when there is no other work.
    package var isFlex: Bool

    package init(owner: Owner = .common, isFlex: Bool = false) {
        self.owner = owner
        self.isFlex = isFlex
    }
}

/// An interface to a loaded model, independent of where it runs.
package protocol Backend: Sendable {
    /// The maximum length of prompt and answer together, in tokens.
    var contextLength: Int { get }
    /// An identifier of engine, build, model and settings. With equal fingerprints, equal requests with equal seeds get equal answers.
    var fingerprint: String { get }
    var statistics: EngineStatistics { get }
    /// The size of the cached grammars of earlier requests, in bytes.
    var grammarBytes: Int { get }
    /// Empties the grammar cache, for instance when another model needs the memory.
    func forgetGrammars()
    var capability: Capability { get }

    var tokenizer: TokenizerFacts { get }

    /// The adapters that requests can select; empty if the model has none.
    var adapters: ModelAdapters { get }

    /// Renders and tokenizes a conversation without computing anything. Throws `GenerationError`.
    func prepare(_ conversation: Conversation) async throws -> PreparedPrompt

    /// See `Vocabulary.tokenize`.
    func tokenize(_ text: String, addSpecial: Bool, parseSpecial: Bool) async throws -> [Token]

    /// Returns the bytes of each token, including control tokens. Nil for a token that is not in the vocabulary.
    func pieces(of tokens: [Token]) async throws -> [[UInt8]?]

    /// Renders, tokenizes and checks the request, then queues it.
    /// Throws `GenerationError` or `QueueFull` before any work starts.
    func generate(_ request: ChatRequest, terms: ServiceTerms) async throws -> sending Answer

    /// Does the same as `generate`, without a template. The choices of the first prompt come first.
    func complete(_ request: TextRequest, terms: ServiceTerms) async throws -> sending Answer

    /// Tokenizes and checks the texts, then computes their vectors. Throws `GenerationError` or `QueueFull` before any work starts.
    func embed(_ request: EmbeddingRequest, terms: ServiceTerms) async throws -> EmbeddingResult

    /// Does the same as `embed`, for models that rate pairs of texts.
    func rerank(_ request: RerankRequest, terms: ServiceTerms) async throws -> RerankResult

    /// Frees the model. Answers in progress fail.
    func shutdown() async
}

extension Backend {
    package var grammarBytes: Int { 0 }
    package func forgetGrammars() {}
}

extension Backend {
    package var capability: Capability { .chat }
    package var adapters: ModelAdapters { ModelAdapters() }

    package func embed(_ request: EmbeddingRequest, terms: ServiceTerms) async throws -> EmbeddingResult {
        throw GenerationError.wrongKind(asked: .embeddings, can: capability)
    }

    package func rerank(_ request: RerankRequest, terms: ServiceTerms) async throws -> RerankResult {
        throw GenerationError.wrongKind(asked: .rerank, can: capability)
    }

    /// Generates an answer for the common owner.
    package func generate(_ request: ChatRequest) async throws -> sending Answer { try await generate(request, terms: ServiceTerms()) }
}
