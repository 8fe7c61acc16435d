import CChat
import CLlama
import Foundation
package import ShimmyChat
import ShimmyCore
import ShimmyJSON

/// A model's own chat template, rendered by llama.cpp's `common` library, which also knows the format of its answers.
///
/// `@unchecked Sendable`: the parsed templates are immutable; rendering only reads them.
package final class LlamaChatTemplate: ChatTemplate, @unchecked Sendable {
    private let pointer: OpaquePointer
    /// The templates refer to the model's vocabulary.
    private let model: LlamaModel?
    private let description: JSON
    private let ids: ToolCallIDs
    private let clientText: ClientText

    /// Takes the model's own template. Throws `LlamaError` when it does not parse.
    package convenience init(model: LlamaModel) throws { try self.init(model: model, source: nil) }

    /// Takes a Jinja template as text, for tests and for files; with a model, its BOS and EOS.
    /// - controlTexts: the texts of control tokens, where there is no model to ask.
    package init(model: LlamaModel? = nil, source: String?, controlTexts: [String] = []) throws {
        var error: UnsafeMutablePointer<CChar>?
        guard let pointer = cchat_templates_create(model?.pointer, source, &error) else {
            throw LlamaError(description: "the chat template does not parse: \(Self.take(error) ?? "no reason given")")
        }
        self.pointer = pointer
        self.model = model
        description = Self.take(cchat_templates_describe(pointer)).flatMap { try? JSON.parse($0) } ?? [:]
        let templateSource = description["source"]?.stringValue ?? ""
        ids = ToolCallIDs(templateSource: templateSource)
        let toolSource = description["tool_use_source"]?.stringValue ?? ""
        clientText = ClientText(controls: model?.controls ?? ControlTokens(texts: controlTexts), templateSource: templateSource + "\n" + toolSource)
    }

    deinit { cchat_templates_free(pointer) }

    package var source: String { description["source"]?.stringValue ?? "" }
    /// Whether the model brought a template; otherwise ChatML is used.
    package var isExplicit: Bool { description["explicit"]?.boolValue ?? false }
    /// Whether it can think before it answers.
    package var canThink: Bool { description["thinking"]?.boolValue ?? false }
    /// Whether the template describes tools itself; otherwise Shimmy writes them into the conversation.
    package var knowsTools: Bool { description["capabilities"]?["supports_tools"]?.boolValue ?? false }

    package func render(_ conversation: Conversation, holding schemas: HeldSchemas) throws(ChatTemplateError) -> RenderedPrompt {
        try checkArguments(of: conversation)
        do {
            let prompt = try renderAsIs(conversation, holding: schemas)
            // Some templates do not refuse what they do not expect, but leave it out.
            guard !Self.tellsAllInstructions(prompt, conversation) else { return prompt }
            return renderNormalized(conversation, holding: schemas) ?? prompt
        } catch {
            // What a strict template refuses, it may take in another form. Its own words come first where it takes none.
            if let prompt = renderNormalized(conversation, holding: schemas) { return prompt }
            throw ChatTemplateError(Self.reason(error.description))
        }
    }

    /// System messages that are looked for.
    private static let instructionsLookedFor = 32

    /// Whether the texts of all system messages are in the prompt. A single one at the beginning, before anything else, is what every template expects.
    private static func tellsAllInstructions(_ prompt: RenderedPrompt, _ conversation: Conversation) -> Bool {
        let messages = conversation.messages
        let instructions = messages.filter { $0.role == .system || $0.role == .developer }
        if instructions.isEmpty || instructions.count == 1 && messages.count > 1 && messages[0].role == instructions[0].role { return true }
        return instructions.prefix(instructionsLookedFor).allSatisfy { message in
            (message.content ?? []).allSatisfy { text in
                let text = text.trimmingCharacters(in: .whitespacesAndNewlines)
                return text.isEmpty || prompt.text.contains(text)
            }
        }
    }

    private func renderNormalized(_ conversation: Conversation, holding schemas: HeldSchemas) -> RenderedPrompt? {
        var conversation = conversation
        // Shimmy's own form of calls makes user's turns of results, which are merged where the others are.
        conversation.normalizations = []
        for normalization in Normalization.allCases {
            // The beginning of an answer stays what it is.
            let continued = conversation.continuation == .no ? [] : conversation.messages.suffix(1)
            let messages = normalization.applied(to: Array(conversation.messages.dropLast(continued.count))) + continued
            let mergesResults = normalization == .mergedTurns && messages.contains { $0.role == .tool }
            guard messages != conversation.messages || mergesResults else { continue }
            conversation.messages = messages
            conversation.normalizations.append(normalization)
            if var prompt = try? renderAsIs(conversation, holding: schemas), Self.tellsAllInstructions(prompt, conversation) {
                prompt.normalizations = conversation.normalizations.map(\.rawValue)
                return prompt
            }
        }
        return nil
    }

    /// The template's own words; llama.cpp says where in the source they stand, and what it was about to do.
    private static func reason(_ message: String) -> String {
        for mark in ["Jinja Exception: ", "\nError: "] {
            if let range = message.ranges(of: mark).last { return message[range.upperBound...].trimmingNewlines }
        }
        let prefix = "Unable to generate parser for this template. Automatic parser generation failed: "
        return message.hasPrefix(prefix) ? String(message.dropFirst(prefix.count)) : message
    }

    /// Bounds what a client can make a template do.
    private func checkArguments(of conversation: Conversation) throws(ChatTemplateError) {
        let limits = InputLimits.standard
        let arguments = JSON.object(conversation.templateArguments)
        guard !conversation.templateArguments.isEmpty else { return }
        if arguments.text.utf8.count > limits.templateArgumentBytes {
            throw ChatTemplateError("the values of 'chat_template_kwargs' take more than the limit of \(limits.templateArgumentBytes) bytes")
        }
        guard source.contains("range(") else { return }
        func isLarge(_ json: JSON) -> Bool {
            switch json {
            case .number(let number): abs(number.double) > Double(limits.templateNumber)
            case .array(let values): values.contains(where: isLarge)
            case .object(let object): object.contains { isLarge($0.value) }
            default: false
            }
        }
        if isLarge(arguments) {
            throw ChatTemplateError("a number in 'chat_template_kwargs' is above the limit of \(limits.templateNumber)")
        }
    }

    private func renderAsIs(_ conversation: Conversation, holding schemas: HeldSchemas) throws(ChatTemplateError) -> RenderedPrompt {
        var request = request(conversation, schemas)
        let native = Result { () throws(ChatTemplateError) in try render(request) }
        if case .success(let prompt) = native, schemas.fits(prompt.grammar) { return schemas.holding(try withMarks(prompt, request)) }
        // The model's own form of calls does not hold a text to what it has to be, or has no place for these tools; Shimmy's does.
        request["generic_calls"] = true
        do {
            return schemas.holding(try withMarks(render(request), request))
        } catch {
            _ = try native.get()
            throw error
        }
    }

    /// The prompt with marks where no control token may begin. The grammar and the answer's format come from the request as it is.
    private func withMarks(_ prompt: RenderedPrompt, _ request: JSONObject) throws(ChatTemplateError) -> RenderedPrompt {
        guard var marked = clientText.marked(request) else { return prompt }
        marked.request["held_tools"] = nil
        marked.request["held_schema"] = nil
        var prompt = prompt
        (prompt.text, prompt.marks) = ClientText.unmarked(try render(marked.request).text, marked)
        return prompt
    }

    private func render(_ request: JSONObject) throws(ChatTemplateError) -> RenderedPrompt {
        var error: UnsafeMutablePointer<CChar>?
        guard let prompt = cchat_render(pointer, JSON.object(request).text, &error) else {
            throw ChatTemplateError(Self.take(error) ?? "the chat template failed without a reason")
        }
        let format = LlamaAnswerFormat(prompt)
        let hasSchemas = request["tools"] != nil || request["response_schema"] != nil
        guard let text = Self.take(cchat_prompt_describe(prompt)), let result = try? JSON.parse(text) else {
            throw ChatTemplateError("the chat template gave a text that is not UTF-8")
        }
        if let limit = Self.limit(exceededBy: result) { throw ChatTemplateError("the prompt takes more than the limit of \(limit) bytes") }
        var rendered = Self.prompt(result, format)
        if hasSchemas { rendered.text = ReadableSchema.restored(in: rendered.text) }
        return rendered
    }

    private func request(_ conversation: Conversation, _ schemas: HeldSchemas) -> JSONObject {
        var request: JSONObject = [
            "messages": .array(conversation.messages.map { ids.fitted($0).json }),
            "tool_choice": .string(conversation.toolChoice.mode.rawValue),
            "parallel_tool_calls": .bool(conversation.allowsParallelCalls),
            "enable_thinking": .bool(conversation.thinks ?? true),
            "template_arguments": .object(conversation.templateArguments),
            "continue": .string(conversation.continuation.rawValue),
            "merge_turns": .bool(conversation.normalizations.contains(.mergedTurns)),
        ]
        // With the choice of none a model that sees no tools cannot try to call one.
        if !conversation.tools.isEmpty, conversation.toolChoice.mode != .none {
            request["tools"] = ReadableSchema.tools(conversation.tools.map(\.json))
            if let names = conversation.toolChoice.names {
                request["callable"] = ReadableSchema.tools(conversation.tools.filter { names.contains($0.name) }.map(\.json))
            }
            if let tools = schemas.tools { request["held_tools"] = ReadableSchema.tools(tools) }
        }
        if let schema = conversation.responseSchema { request["response_schema"] = ReadableSchema.schema(schema) }
        if let schema = schemas.answerSchema { request["held_schema"] = schema }
        return request
    }

    private static func limit(exceededBy result: JSON) -> Int? {
        let limit = InputLimits.standard.promptBytes
        return result["text"]?.stringValue?.utf8.count ?? 0 > limit ? limit : nil
    }

    private static func prompt(_ result: JSON, _ format: LlamaAnswerFormat) -> RenderedPrompt {
        func string(_ key: String) -> String { result[key]?.stringValue ?? "" }
        func strings(_ key: String) -> [String] { result[key]?.arrayValue?.compactMap(\.stringValue) ?? [] }
        let triggers = (result["triggers"]?.arrayValue ?? []).compactMap { trigger -> GrammarText.Trigger? in
            if let word = trigger["word"]?.stringValue { return .word(word) }
            let after = trigger["after"]?.stringValue
            return trigger["opening"]?.stringValue.map { .opening($0, after: after == "" ? nil : after) }
        }
        let grammar = string("grammar")
        let isLazy = result["grammar_lazy"]?.boolValue ?? false
        let ends = strings("thinking_ends")
        return RenderedPrompt(
            text: string("text"), additionalStops: strings("stops"), generationPrompt: string("generation_prompt"),
            grammar: grammar.isEmpty ? nil : GrammarText(grammar, triggers: isLazy ? triggers : []),
            preservedTokens: strings("preserved_tokens"),
            thinking: ends.isEmpty ? nil : ThinkingTags(start: string("thinking_start"), ends: ends),
            format: result["plain"]?.boolValue == true ? nil : format)
    }

    /// Copies a string of cchat's and frees it.
    static func take(_ string: UnsafeMutablePointer<CChar>?) -> String? {
        guard let string else { return nil }
        defer { cchat_string_free(string) }
        return String(cString: string)
    }
}

/// The format of the answer to one prompt.
///
/// `@unchecked Sendable`: the prompt is immutable; parsing only reads it.
final class LlamaAnswerFormat: AnswerFormat, @unchecked Sendable {
    private let pointer: OpaquePointer

    /// Takes the prompt over.
    init(_ pointer: OpaquePointer) { self.pointer = pointer }

    deinit { cchat_prompt_free(pointer) }

    func read(_ text: String, isPartial: Bool) throws(ChatTemplateError) -> AnswerContent {
        var text = text
        var error: UnsafeMutablePointer<CChar>?
        let result = text.withUTF8 { utf8 in
            utf8.withMemoryRebound(to: CChar.self) { cchat_parse(pointer, $0.baseAddress, $0.count, isPartial, &error) }
        }
        guard let message = LlamaChatTemplate.take(result) else {
            throw ChatTemplateError(LlamaChatTemplate.take(error) ?? "the answer does not have the model's format")
        }
        guard let json = try? JSON.parse(message) else { throw ChatTemplateError("the answer is not UTF-8") }
        let calls = (json["calls"]?.arrayValue ?? []).map { call in
            AnswerContent.Call(
                name: call["name"]?.stringValue ?? "", arguments: call["arguments"]?.stringValue ?? "", id: call["id"]?.stringValue ?? "")
        }
        return AnswerContent(
            content: json["content"]?.stringValue ?? "", reasoning: json["reasoning"]?.stringValue ?? "", calls: calls)
    }
}
