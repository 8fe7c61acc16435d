/// Limits on the content of one request and on the resources that the server spends on reading it. `docs/limits.md` lists them.
///
/// A request that exceeds a limit gets a 400 (413 for the size of a body) that names the limit and the position in the request.
package struct InputLimits: Sendable, Equatable {
    /// Bytes of a request body.
    package var bodyBytes = 32 << 20
    /// Nested levels of arrays and objects, in a body and in any other JSON that a client sends.
    package var jsonDepth = 128
    /// Values in a body. Each takes about 40 bytes of memory.
    package var jsonValues = 1_000_000
    /// Tools of one request, including those within namespaces.
    package var tools = 1_024
    /// Messages or items of one request.
    package var messages = 20_000
    /// Images and recordings of one request, with those of the conversation that it continues.
    package var mediaParts = 256
    /// Bytes of an image or a recording, in base64.
    package var mediaBytes = 24 << 20
    /// Bytes of the web address of an image.
    package var mediaAddressBytes = 8_192
    /// Bytes of the stored responses or items that one response continues.
    package var historyBytes = 64 << 20
    /// Ignored fields that the response header lists; the header also contains the number of remaining ones.
    package var reportedFields = 32
    /// Unicode scalars of a pointer into a schema that a response header contains.
    package var reportedPointerLength = 200
    /// Unicode scalars of an error message. The middle of a longer one is omitted: it can repeat a key, a name or a value of the client.
    package var messageLength = 2_000
    /// Unicode scalars of the path of the field that an error concerns.
    package var messagePathLength = 500
    /// Consecutive characters of a text without a change between letters, digits, white space and other characters, for models whose tokenizer
    /// would otherwise need an unlimited stack.
    package var unbrokenCharacters = 65_536
    /// Bytes of `chat_template_kwargs`, as JSON.
    package var templateArgumentBytes = 256 << 10
    /// Values in `chat_template_kwargs`, nested ones included. llama.cpp's work on an object grows with the square of its size.
    package var templateArguments = 1_000
    /// The max number in `chat_template_kwargs` for a template that counts.
    package var templateNumber = 100_000
    /// Bytes of a rendered prompt.
    package var promptBytes = 64 << 20
    /// Tokens of the context that a request, an option or a file asks for.
    package var contextTokens = 1 << 24
    /// Bytes of a text that a request asks to tokenize.
    package var tokenizedBytes = 4 << 20
    /// Bytes of a text that a tokenizer must process at once, because it contains no position at which it can be cut without a change of its tokens.
    package var wholeTextBytes = 1 << 20
    /// Questions of one request for decisions.
    package var questions = 400
    /// Choices of one question for a decision.
    package var questionChoices = 255
    /// Bytes of one choice or level, without its description.
    package var labelBytes = 1_024
    /// Positions at which the choices of all questions of a request differ or continue; each is computed once.
    package var labelPositions = 10_000
    /// Tokens of the prompts of all questions of a request, without the tokens that all of them share. With a template that repeats the question,
    /// each question has a whole prompt of its own.
    package var questionTokens = 1 << 20
    /// Texts of one request for moderation.
    package var moderatedTexts = 128
    /// Bytes of a client's prediction.
    package var predictionBytes = 256 << 10

    /// Max recent tokens that the DRY repetition penalty searches, regardless of its window: it searches them for each sampled token.
    package var repetitionTokens = 8_192

    /// Bytes of the text of a grammar, a regular expression or a schema.
    package var grammarBytes = 1 << 20
    /// Bytes of one pattern in a schema.
    package var patternBytes = 64 << 10
    /// States of the automaton that a schema or grammar is compiled into.
    package var grammarStates = 200_000
    /// Ways to parse a text under a grammar that the engine follows at the same time.
    package var grammarReadings = 1_024
    /// Bytes of memory that compiling one schema or grammar may use.
    package var grammarMemory = 256 << 20
    /// Digits of a number in a schema, in a grammar or in a body.
    package var numberDigits = 1_000
    /// Seconds of processor time that compiling one schema or grammar may take.
    package var compileSeconds = 2.0
    /// Seconds of processor time that decoding a request, rendering its prompt and tokenizing it may take.
    package var prepareSeconds = 20.0
    /// The number by which the time that passes during a piece of work may exceed its limit of processor time, because other threads compute.
    package var waitFactor = 6.0

    package init() {}

    /// The default limits.
    package static let standard = InputLimits()
}
