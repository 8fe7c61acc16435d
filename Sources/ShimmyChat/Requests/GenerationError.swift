package import ShimmyCore

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
    /// The request needs a model that reasons, and this one does not.
    case noReasoning
    /// The conversation contains images or audio, and the model reads only text.
    case noMedia
    /// A prompt contains a token that is not in the vocabulary.
    case unknownPromptToken(prompt: Int, Token)
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
    /// A label of the question at this index cannot be rated; if the label is nil, all labels of the question together cannot.
    case badLabel(question: Int, label: Int?, String)
    /// The adapter at this index of the request's list cannot be used.
    case badAdapter(Int, AdapterChoice.Reference, String)
}
