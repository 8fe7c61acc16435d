package import ShimmyChat
package import ShimmyCore
import ShimmyJSON

extension UpstreamEndpoint {
    /// Whether the upstream tokenizes texts.
    var tokenizes: Bool { kind.tokenizes }

    package func tokenize(
        _ text: String, model: String, addSpecial: Bool, parseSpecial: Bool, context: UpstreamContext = UpstreamContext()
    ) async throws -> [Token] {
        guard tokenizes else { throw unsupported("content") }
        var body: JSONObject = ["model": .string(model)]
        switch kind {
        case .llamaServer:
            body["content"] = .string(text)
            body["add_special"] = .bool(addSpecial)
            body["parse_special"] = .bool(parseSpecial)
        case .shimmy:
            body["prompt"] = .string(text)
            body["add_special_tokens"] = .bool(addSpecial)
            body["parse_special"] = .bool(parseSpecial)
        default:
            body["prompt"] = .string(text)
            body["add_special_tokens"] = .bool(addSpecial)
        }
        return try tokens(try await own("/tokenize", .object(body), field: "content", context))
    }

    /// Returns the bytes of each token. If only those of the whole text can be found, the first token has all of them.
    package func pieces(of tokens: [Token], model: String, context: UpstreamContext = UpstreamContext()) async throws -> [[UInt8]?] {
        guard tokenizes else { throw unsupported("tokens") }
        if tokens.isEmpty { return [] }
        let whole = try await text(of: tokens, model: model, context)
        let together = [whole] + [[UInt8]](repeating: [], count: tokens.count - 1)
        guard tokens.count > 1, tokens.count <= UpstreamLimits.singlePieces else { return together }
        var pieces: [[UInt8]] = []
        let end = ContinuousClock.now + .seconds(settings.shortSeconds)
        for token in tokens {
            if ContinuousClock.now > end { return together }
            pieces.append(try await text(of: [token], model: model, context))
        }
        // A part of a character has no text of its own.
        return pieces.joined().elementsEqual(whole) ? pieces : together
    }

    private func text(of tokens: [Token], model: String, _ context: UpstreamContext) async throws -> [UInt8] {
        let body: JSON = ["model": .string(model), "tokens": .array(tokens.map { .int(Int($0)) })]
        let json = try await own("/detokenize", body, field: "tokens", context)
        guard let text = (json["content"] ?? json["prompt"] ?? json["text"])?.stringValue else {
            throw failure(.unreadable, "its answer to /detokenize has no text")
        }
        return Array(text.utf8)
    }

    /// Renders and tokenizes a conversation at the upstream.
    package func prepare(
        _ conversation: Conversation, model: String, context: UpstreamContext = UpstreamContext()
    ) async throws -> PreparedPrompt {
        var conversation = conversation
        // Renderers show texts alone, and images would be sent twice for a number. Those in tools' outputs do not make the number impossible.
        conversation.omitOutputMedia(except: .none)
        if !conversation.mediaKinds.isEmpty { throw unsupported("messages") }
        var report = AnswerReport()
        var body = try body(of: conversation, model: model, &report)
        switch kind {
        case .vllm:
            body["add_generation_prompt"] = .bool(conversation.continuation == .no)
            if conversation.continuation == .content { body["continue_final_message"] = true }
            let tokens = try tokens(try await own("/tokenize", .object(body), field: "messages", context))
            let text = try await text(of: tokens, model: model, context)
            return PreparedPrompt(text: String(decoding: text, as: UTF8.self), tokens: tokens, report: report)
        case .llamaServer:
            let json = try await own("/apply-template", .object(body), field: "messages", context)
            guard let text = json["prompt"]?.stringValue else { throw failure(.unreadable, "its answer to /apply-template has no prompt") }
            let tokens = try await tokenize(text, model: model, addSpecial: true, parseSpecial: true, context: context)
            return PreparedPrompt(text: text, tokens: tokens, report: report)
        case .shimmy:
            if conversation.continuation == .content { body["continue_final_message"] = true }
            let json = try await own("/v1/chat/completions/render", .object(body), field: "messages", context)
            guard let text = json["prompt"]?.stringValue else { throw failure(.unreadable, "its answer has no prompt") }
            return PreparedPrompt(text: text, tokens: try tokens(json), report: report)
        case .sglang, .ollama, .openai, .anthropic: throw unsupported("messages")
        }
    }

    /// Returns the fields of a conversation, as in a chat completion.
    private func body(of conversation: Conversation, model: String, _ report: inout AnswerReport) throws -> JSONObject {
        if conversation.continuation == .reasoning { throw unsupported("continue_final_message") }
        var request = ChatRequest(conversation: conversation)
        request.conversation.continuation = .no
        request.conversation.responseSchema = nil
        let call = try ChatCall.make(request, model: model, maximumTokens: nil, kind: kind, settings: settings, user: nil)
        report = call.report
        var body: JSONObject = ["model": .string(model)]
        for name in ["messages", "tools", "tool_choice", "chat_template_kwargs", "reasoning_effort"] {
            // vLLM's tokenizer has no field for the choice among tools.
            if let value = call.bodies[0][name], kind != .vllm || !["tool_choice", "reasoning_effort"].contains(name) { body[name] = value }
        }
        return body
    }

    private func tokens(_ json: JSON) throws -> [Token] {
        guard let values = json["tokens"]?.arrayValue else { throw failure(.unreadable, "its answer has no tokens") }
        var tokens: [Token] = []
        tokens.reserveCapacity(values.count)
        for value in values {
            guard let token = (value.intValue ?? value["id"]?.intValue).flatMap({ Token(exactly: $0) }) else {
                throw failure(.unreadable, "its answer contains something else than tokens")
            }
            tokens.append(token)
        }
        return tokens
    }

    /// Sends a request to an endpoint that not every server of the kind has.
    private func own(_ path: String, _ body: JSON, field: String, _ context: UpstreamContext) async throws -> JSON {
        do {
            return try await json(path, body, context: context)
        } catch let error as UpstreamFailure {
            if case .refused(let status, _, _) = error.reason, status == 404 || status == 405 || status == 501 { throw unsupported(field) }
            throw error
        }
    }
}
