package import ShimmyAPI
import ShimmyAccounts
import ShimmyChat
import ShimmyCore
import ShimmyModels

extension InferenceService {
    /// Accepts a completion of texts or tokens. Throws the errors that can be found without the model.
    package func acceptCompletion(_ reading: PresetRequest<CompletionRequest>, _ caller: Caller) throws -> AnswerOrder {
        let caller = try charged(caller, .completions, reading.value.completion)
        let request = OneConsumer(reading.value)
        let streams = reading.value.stream
        return AnswerOrder(reading, caller.charge) { lease in
            let decoded = try request.take()
            let echoes = try await Self.echoes(decoded, lease.backend.tokenizer)
            let answer: Answer
            do {
                answer = try await lease.generator.complete(decoded.completion, terms: caller.terms())
            } catch let error as GenerationError {
                let choices = decoded.completion.choices > decoded.toldChoices ? "best_of" : "n"
                throw APIError(error, input: "prompt", choices: choices)
            } catch let failure as UpstreamFailure {
                throw APIError(failure) { APIError($0, input: "prompt") }
            }
            let dialect = CompletionDialect(
                id: CompletionDialect.newID(), created: UnixTime.now, model: decoded.model,
                fingerprint: answer.report.fingerprint ?? lease.backend.fingerprint, streams: streams, includeUsage: decoded.includeUsage,
                tellsLogprobs: decoded.tellsLogprobs, echoes: echoes, told: (decoded.toldChoices, of: decoded.completion.choices))
            return started(answer, lease, dialect, nil, caller)
        }
    }

    /// Returns the text that each choice begins with: its prompt if the request asks for an echo, otherwise nothing.
    private static func echoes(_ request: CompletionRequest, _ tokenizer: any TokenizerAccess) async throws -> [String] {
        var echoes: [String] = []
        for prompt in request.completion.prompts {
            var text = ""
            switch prompt {
            // A scored prompt is returned together with its scores.
            case _ where !request.echo || request.completion.scoresPrompt: break
            case .text(let given): text = given
            case .tokens(let tokens): text = String(decoding: try await tokenizer.pieces(of: tokens).flatMap { $0 ?? [] }, as: UTF8.self)
            }
            echoes += Array(repeating: text, count: request.completion.choices)
        }
        return echoes
    }
}
