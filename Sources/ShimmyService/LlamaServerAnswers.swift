package import ShimmyAPI
import ShimmyAccounts
import ShimmyChat
import ShimmyCore
package import ShimmyJSON
import ShimmyModels

/// The requests of llama-server's own API.
extension InferenceService {
    /// Accepts a completion, or a request to fill a gap. Throws the errors that can be found without the model.
    package func acceptLlamaServer(_ reading: PresetRequest<LlamaServerRequest>, _ caller: Caller) throws -> AnswerOrder {
        let caller = try charged(caller, reading.value.text.gap == nil ? .llamaCompletion : .infill, reading.value.text)
        let request = OneConsumer(reading.value)
        let errors = API.llamaServer.errors
        return AnswerOrder(reading, caller.charge, framing: LlamaServerDialect.framing, failed: { [errors.body(of: $0, requestID: "")] }) { lease in
            let loaded = ContinuousClock.now
            var decoded = try request.take()
            let answer: Answer
            do {
                try await Self.complete(&decoded, lease.backend.tokenizer)
                answer = try await lease.generator.complete(decoded.text, terms: caller.terms())
            } catch let error as GenerationError {
                throw decoded.error(error)
            } catch let failure as UpstreamFailure {
                throw APIError(failure, failed: decoded.error)
            }
            let report = answer.report
            // Only here is it certain that the prompts fit into the context, so that their texts are not too large.
            let prompts = try await Self.texts(of: decoded.text.prompts, lease.backend.tokenizer)
            let dialect = LlamaServerDialect(
                decoded, prompts: prompts, contextLength: lease.backend.contextLength, isTruncated: report.isCut || report.droppedFiles > 0,
                loaded: loaded)
            var begun = started(answer, lease, dialect, nil, caller)
            begun.dropped = report.droppedFiles
            return begun
        }
    }

    /// Completes the parts of a request that need the model's tokenizer.
    private static func complete(_ request: inout LlamaServerRequest, _ tokenizer: any TokenizerAccess) async throws {
        for (text, bias) in request.biasedTexts {
            let tokens = try await tokenizer.tokenize(text, addSpecial: false, parseSpecial: true)
            request.add(bias, to: tokens)
        }
        for (index, prompt) in request.mixedPrompts {
            let tokens = try await tokens(of: prompt, tokenizer)
            request.put(tokens, at: index)
        }
    }

    /// Returns the prompts as texts.
    private static func texts(of prompts: [TextRequest.Prompt], _ tokenizer: any TokenizerAccess) async throws -> [String] {
        var texts: [String] = []
        for prompt in prompts {
            switch prompt {
            case .text(let text): texts.append(text)
            case .tokens(let tokens):
                let pieces = try await tokenizer.pieces(of: tokens)
                texts.append(String(decoding: pieces.flatMap { $0 ?? [] }, as: UTF8.self))
            }
        }
        return texts
    }

    /// Returns the tokens of a prompt that consists of texts and tokens. A text at the beginning gets what the model expects before a text.
    private static func tokens(of prompt: LlamaServerPrompt, _ tokenizer: any TokenizerAccess) async throws -> [Token] {
        var tokens: [Token] = []
        for (index, piece) in prompt.pieces.enumerated() {
            switch piece {
            case .text(let text): tokens += try await tokenizer.tokenize(text, addSpecial: index == 0, parseSpecial: true)
            case .tokens(let given): tokens += given
            }
        }
        return tokens
    }

    /// Returns the response to a request that computes embeddings.
    package func embedLlamaServer(_ request: LlamaServerEmbedRequest, _ caller: Caller) async throws -> JSON {
        try await charging(caller, .llamaEmbedding) { caller in
            let lease = try await acquire(request.model, for: .embeddings, keepAlive: request.keepAlive)
            return request.response(try await embed(request.embedding, on: lease, caller, failed: request.error))
        }
    }

    /// Returns the number of tokens of a chat request's prompt. A cancelled task stops the work.
    package func countChat(_ reading: PresetRequest<RenderRequest>, _ caller: Caller) async throws -> Int {
        try await counting(caller) { try await WorkAllowance.limiting { try await count(reading) } }
    }

    private func count(_ reading: PresetRequest<RenderRequest>) async throws -> Int {
        let lease = try await acquire(reading.value.model, for: .chat)
        var conversation = reading.value.conversation
        reading.preset.complete(&conversation)
        return try await lease.generator.prepare(conversation).tokens.count
    }
}
