package import ShimmyCore
package import ShimmyEngine

/// A conversation to be continued by one answer.
package struct ChatRequest: Sendable, Equatable {
    package var conversation: Conversation
    /// The most tokens of the answer; nil lets it run to the end of the context.
    package var maximumTokens: Int?
    /// Whether more tokens than the context has room for mean as many as it has.
    package var clampsMaximumTokens = false
    package var sampling: SamplingParameters
    package var stops: [String]
    /// Answers to the one conversation. Those after the first draw with seeds of their own.
    package var choices: Int
    /// What the answer will probably be, in whole or in parts; empty for none. It saves time and changes no token.
    package var prediction: String
    /// Tokens of thinking at most, where the model's template marks them; nil for any number.
    package var thinkingBudget: Int?
    /// What the answer has to be beyond what the conversation asks for, in llama.cpp's notation; nil where it is free.
    package var grammar: String?
    /// What the client calls it, for errors.
    package var grammarField = "grammar"
    /// Adapters to compute with; nil for those that the model was configured with.
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

/// Texts to be continued as they are.
package struct TextRequest: Sendable, Equatable {
    package enum Prompt: Sendable, Equatable {
        case text(String)
        case tokens([Token])

        /// Bytes of the text, or as many as its tokens are about worth.
        var size: Int {
            switch self {
            case .text(let text): text.utf8.count
            case .tokens(let tokens): tokens.count * 4
            }
        }
    }

    package var prompts: [Prompt]
    /// What follows the gap that is to be filled; nil where the text goes on at its end.
    package var suffix: String?
    /// The most tokens of each answer; with 0 only the prompt is computed.
    package var maximumTokens: Int
    package var sampling: SamplingParameters
    package var stops: [String]
    /// Answers to each prompt; those to the first come first.
    package var choices: Int
    /// Whether the log probabilities of the prompt's own tokens are wanted too.
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

/// What a model is made for.
package enum Capability: String, Sendable {
    case chat
    case embeddings
    case rerank
}

/// Why a request cannot be served by this model, found before any work starts.
package enum GenerationError: Error, Equatable {
    case templateRefused(String)
    /// `requested` is the answer's limit where the request set one. `prompt` is a lower bound (`isFewest`) where the text is far too long to be
    /// tokenized.
    case contextExceeded(prompt: Int, requested: Int?, context: Int, isFewest: Bool = false)
    case emptyPrompt
    /// A conversation whose calls and results do not belong together; the description is OpenAI's.
    case badToolResults(String)
    /// A text of the request is beyond a bound, or takes too long; the description is the end of "The prompt …".
    case beyondLimit(String)
    /// The model has no tokens for filling gaps.
    case noInfill
    /// A prompt holds a token that the model does not have.
    case unknownPromptToken(prompt: Int, Token)
    /// The model does something else: what it was asked for, and what it does.
    case wrongKind(asked: Capability, can: Capability)
    /// An input without a single token.
    case emptyInput(Int)
    /// An input that is longer than the model's context.
    case inputTooLong(Int, tokens: Int, context: Int)
    /// More numbers than the model's vectors have.
    case tooManyDimensions(Int, most: Int)
    /// More answers, so many to each prompt, than can be computed and wait at once.
    case tooManyAnswers(prompts: Int, choices: Int, most: Int)
    /// A bias for a token that the model does not have.
    case unknownToken(Token, vocabulary: Int)
    /// The grammar of the text of the custom tool with this index cannot be used.
    case badToolGrammar(Int, String)
    /// The last message is not the beginning of an answer that fits what the request asks for.
    case unfitBeginning(String)
    /// The request's grammar does not parse.
    case badGrammar(field: String, String)
    /// An answer cannot be made to fit a schema: that of the tool with this index, or with nil that of the response.
    case badSchema(tool: Int?, String)
    /// The adapter at this place in the request's list cannot be used.
    case badAdapter(Int, AdapterChoice.Reference, String)
}

/// A conversation as this model will see it.
package struct PreparedPrompt: Sendable, Equatable {
    package var text: String
    package var tokens: [Token]
    package var report = AnswerReport()
}

/// What a client needs to know to write prompts for a model by itself.
package struct TokenizerFacts: Sendable, Equatable {
    /// The texts of the tokens that begin and end a text; nil where the model knows none.
    package var beginning: String?
    package var end: String?
    /// The chat template, in Jinja.
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

/// Texts to be made vectors of.
package struct EmbeddingRequest: Sendable, Equatable {
    package var inputs: [TextRequest.Prompt]
    /// Numbers of each vector; nil for as many as the model makes.
    package var dimensions: Int?

    package init(inputs: [TextRequest.Prompt], dimensions: Int? = nil) {
        self.inputs = inputs
        self.dimensions = dimensions
    }
}

package struct EmbeddingResult: Sendable, Equatable {
    /// One for each input, in order, each of length 1.
    package var vectors: [[Float]]
    /// Of all inputs.
    package var promptTokens: Int
}

/// How well documents answer a question.
package struct RerankRequest: Sendable, Equatable {
    package var query: String
    package var documents: [String]

    package init(query: String, documents: [String]) {
        self.query = query
        self.documents = documents
    }
}

package struct RerankResult: Sendable, Equatable {
    /// One for each document, in order; the higher the better.
    package var scores: [Float]
    package var promptTokens: Int
}

/// For whom a request is served, and how urgently.
package struct ServiceTerms: Sendable, Equatable {
    /// Shares fairly with all others.
    package var owner: Owner
    /// Served only when nobody else has work.
    package var isFlex: Bool

    package init(owner: Owner = .common, isFlex: Bool = false) {
        self.owner = owner
        self.isFlex = isFlex
    }
}

/// Serves a model, wherever it runs.
package protocol Backend: Sendable {
    /// Longest prompt and answer together, in tokens.
    var contextLength: Int { get }
    /// Identifies what computes: engine, build, model and settings. Equal fingerprints promise equal answers to equal seeds.
    var fingerprint: String { get }
    var statistics: EngineStatistics { get }
    /// Bytes that the grammars of earlier requests take which are kept for later ones.
    var grammarBytes: Int { get }
    /// Drops these grammars, for instance for a model that needs the memory.
    func forgetGrammars()
    var capability: Capability { get }

    var tokenizer: TokenizerFacts { get }

    /// What requests may ask for; empty for models that take none.
    var adapters: ModelAdapters { get }

    /// Renders and tokenizes a conversation; nothing is computed. Throws `GenerationError`.
    func prepare(_ conversation: Conversation) async throws -> PreparedPrompt

    /// See `Vocabulary.tokenize`.
    func tokenize(_ text: String, addSpecial: Bool, parseSpecial: Bool) async throws -> [Token]

    /// The bytes of each token, control tokens included. Nil for a token that the model does not have.
    func pieces(of tokens: [Token]) async throws -> [[UInt8]?]

    /// Renders, tokenizes and checks the request, then queues it.
    /// Throws `GenerationError` or `QueueFull` before any work starts.
    func generate(_ request: ChatRequest, terms: ServiceTerms) async throws -> sending Answer

    /// As `generate`, without a template; the choices of the first prompt come first.
    func complete(_ request: TextRequest, terms: ServiceTerms) async throws -> sending Answer

    /// Tokenizes and checks the texts, then makes vectors of them. Throws `GenerationError` or `QueueFull` before any work starts.
    func embed(_ request: EmbeddingRequest, terms: ServiceTerms) async throws -> EmbeddingResult

    /// As `embed`, for models that judge pairs of texts.
    func rerank(_ request: RerankRequest, terms: ServiceTerms) async throws -> RerankResult

    /// Frees the model. Answers that still run fail.
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

    /// For nobody in particular.
    package func generate(_ request: ChatRequest) async throws -> sending Answer { try await generate(request, terms: ServiceTerms()) }
}
