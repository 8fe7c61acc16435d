import CChat
import CLlama
import Foundation
package import ShimmyChat
import ShimmyCore
import ShimmyGrammar
import ShimmyJSON
import Synchronization

/// A model's own chat template. llama.cpp's `common` library renders it and derives the format of its answers.
///
/// `@unchecked Sendable`: the parsed templates are immutable, and rendering only reads them.
package final class LlamaChatTemplate: ChatTemplate, @unchecked Sendable {
    private let pointer: OpaquePointer
    /// The model, to whose vocabulary the templates refer.
    private let model: LlamaModel?
    private let description: JSON
    private let ids: ToolCallIDs
    private let clientText: ClientText
    /// The value of `holdsArguments`; nil until a request needs it.
    private let argumentsAreHeld = Mutex<Bool?>(nil)

    /// Uses the model's own template. Throws `LlamaError` if it does not parse or exceeds its budget.
    package convenience init(model: LlamaModel) throws { try self.init(model: model, source: nil) }

    /// Uses a Jinja template from a text, for tests and files. With a model, the template gets the model's BOS and EOS.
    /// - controlTexts: the texts of control tokens, used if there is no model.
    package init(model: LlamaModel? = nil, source: String?, controlTexts: [String] = []) throws {
        var error: UnsafeMutablePointer<CChar>?
        guard let pointer = cchat_templates_create(model?.pointer, source, &error) else {
            throw LlamaError(description: "the chat template cannot be used: \(Self.take(error) ?? "no reason given")")
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
    /// Whether the template supports reasoning before the answer.
    package var canThink: Bool { description["thinking"]?.boolValue ?? false }
    /// Whether the template describes tools itself; Shimmy adds them to the conversation otherwise.
    package var knowsTools: Bool { description["capabilities"]?["supports_tools"]?.boolValue ?? false }

    /// Whether the template has a format for calls.
    private var writesCalls: Bool { description["capabilities"]?["supports_tool_calls"]?.boolValue ?? false }
    /// Whether the template refuses an assistant message with several calls, or writes only the first of them.
    private var writesOneCall: Bool { writesCalls && description["capabilities"]?["supports_parallel_tool_calls"]?.boolValue == false }

    package func render(_ conversation: Conversation, holding schemas: HeldSchemas) throws(ChatTemplateError) -> RenderedPrompt {
        try checkArguments(of: conversation)
        var prompt = try renderAccepted(conversation, holding: SchemaPlaceholders(schemas))
        if !Self.tells(Self.textsBesideCalls(conversation), prompt) { prompt.normalizations.append(Normalization.callsWithoutText.rawValue) }
        return prompt
    }

    /// Renders the conversation in the first form that the template accepts and writes in full.
    private func renderAccepted(_ conversation: Conversation, holding placeholders: SchemaPlaceholders) throws(ChatTemplateError) -> RenderedPrompt {
        var conversation = conversation
        if writesOneCall { Self.apply(.splitCalls, to: &conversation) }
        do {
            let prompt = try renderAsIs(conversation, holding: placeholders)
            // Some templates omit unexpected messages instead of refusing them.
            guard !isComplete(prompt, conversation, placeholders) else { return prompt }
            return renderFolded(conversation, holding: placeholders) ?? renderNormalized(conversation, holding: placeholders) ?? prompt
        } catch {
            // A strict template may accept the conversation in another form. If it accepts none, report its first message.
            if let prompt = renderNormalized(conversation, holding: placeholders) { return prompt }
            throw ChatTemplateError(Self.reason(error.description))
        }
    }

    /// Applies a change and notes it. Returns false if it changes nothing.
    @discardableResult
    private static func apply(_ normalization: Normalization, to conversation: inout Conversation) -> Bool {
        let messages = normalization.applied(to: conversation.messages, conversation.continuation)
        // Shimmy's own call format turns tool results into user turns. They are merged together with the other turns.
        let mergesResults = normalization == .mergedTurns && messages.contains { $0.role == .tool }
        guard messages != conversation.messages || mergesResults else { return false }
        conversation.messages = messages
        conversation.normalizations.append(normalization)
        return true
    }

    /// Returns whether the prompt contains the parts of the conversation that some templates omit.
    private func isComplete(_ prompt: RenderedPrompt, _ conversation: Conversation, _ placeholders: SchemaPlaceholders) -> Bool {
        // Some templates omit even a single system message at the start, for instance if the last message is a tool's result.
        Self.tells(conversation.messages.filter(\.isSystem), prompt) && tellsFirstCalls(conversation, placeholders)
            && acceptsContinuedTurn(conversation, placeholders)
    }

    /// An argument of a call that is searched for in a prompt.
    private static let callMark = "shimmyCallMark7Q3Z"

    /// Returns whether the template writes the calls of a conversation that begins with them. Some templates take the first message for the user's
    /// and write only its text.
    private func tellsFirstCalls(_ conversation: Conversation, _ placeholders: SchemaPlaceholders) -> Bool {
        guard let index = conversation.messages.firstIndex(where: { !$0.isSystem }), let calls = conversation.messages[index].toolCalls?.arrayValue
        else { return true }
        var marked = conversation
        let arguments: JSON = ["mark": .string(Self.callMark)]
        marked.messages[index].toolCalls = .array(
            calls.map { call in
                guard var object = call.objectValue, let name = object["function"]?["name"] else { return call }
                object["function"] = ["name": name, "arguments": .string(arguments.text)]
                return .object(object)
            })
        guard let prompt = try? renderAsIs(marked, holding: placeholders) else { return true }
        return prompt.text.contains(Self.callMark)
    }

    /// Returns whether the template accepts the start of the answer as a turn after another turn of the assistant. llama.cpp writes the start of the
    /// answer itself, after the template's prompt for the messages before it, so the template does not check it.
    private func acceptsContinuedTurn(_ conversation: Conversation, _ placeholders: SchemaPlaceholders) -> Bool {
        guard conversation.continuation == .content, conversation.messages.dropLast().last?.role == .assistant else { return true }
        var whole = conversation
        whole.continuation = .nothing
        return (try? renderAsIs(whole, holding: placeholders)) != nil
    }

    /// The maximum number of messages for which a prompt is searched.
    private static let messagesLookedFor = 32

    /// Returns whether the prompt contains the texts of all messages.
    private static func tells(_ messages: [ChatMessage], _ prompt: RenderedPrompt) -> Bool {
        messages.prefix(messagesLookedFor).allSatisfy { message in
            message.texts.allSatisfy { text in
                ByteSearch(text.trimmingCharacters(in: .whitespacesAndNewlines)).isFound(in: prompt.text)
            }
        }
    }

    /// Returns the messages whose text stands beside calls, in the same message or in the one before, which may be merged with it. Many templates
    /// write only the calls.
    private static func textsBesideCalls(_ conversation: Conversation) -> [ChatMessage] {
        let messages = conversation.messages
        return messages.indices.filter { index in
            let message = messages[index]
            guard message.role == .assistant, message.hasContent else { return false }
            return message.hasCalls || messages.indices.contains(index + 1) && messages[index + 1].hasCalls
        }.map { messages[$0] }
    }

    /// Renders a conversation whose only fault is that the template omits the system messages at its start.
    private func renderFolded(_ conversation: Conversation, holding placeholders: SchemaPlaceholders) -> RenderedPrompt? {
        var conversation = conversation
        guard Self.apply(.foldedSystem, to: &conversation), let prompt = try? renderAsIs(conversation, holding: placeholders) else { return nil }
        return isComplete(prompt, conversation, placeholders) ? prompt : nil
    }

    private func renderNormalized(_ conversation: Conversation, holding placeholders: SchemaPlaceholders) -> RenderedPrompt? {
        var conversation = conversation
        for normalization in Normalization.forStrictTemplates where Self.apply(normalization, to: &conversation) {
            if let prompt = try? renderAsIs(conversation, holding: placeholders), isComplete(prompt, conversation, placeholders) { return prompt }
        }
        return nil
    }

    /// Returns the template's own message, without the source position and the operation that llama.cpp adds.
    private static func reason(_ message: String) -> String {
        for mark in ["Jinja Exception: ", "\nError: "] {
            if let range = message.ranges(of: mark).last { return message[range.upperBound...].trimmingNewlines }
        }
        let prefix = "Unable to generate parser for this template. Automatic parser generation failed: "
        return message.hasPrefix(prefix) ? String(message.dropFirst(prefix.count)) : message
    }

    /// Bounds the work that a client's template arguments can cause.
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

    private func renderAsIs(_ conversation: Conversation, holding placeholders: SchemaPlaceholders) throws(ChatTemplateError) -> RenderedPrompt {
        var request = request(conversation, placeholders)
        let native = Result { () throws(ChatTemplateError) in try render(request) }
        let isOpen = placeholders.tools != nil && !holdsArguments
        if case .success(var prompt) = native, placeholders.fits(prompt.grammar), !(isOpen && placeholders.isExact) {
            if isOpen { prompt.unenforced = conversation.callableTools.map { "\($0.name)#" } }
            return placeholders.replaced(in: try withMarks(prompt, request).reporting(conversation.normalizations))
        }
        // The model's own call format cannot enforce the schemas, or does not support these tools. Shimmy's format can.
        request["generic_calls"] = true
        let isChange = writesCalls && (request["tools"] != nil || conversation.messages.contains { $0.role == .tool || $0.toolCalls != nil })
        do {
            let prompt = try withMarks(render(request), request)
            return placeholders.replaced(in: prompt.reporting(conversation.normalizations + (isChange ? [Normalization.genericCalls] : [])))
        } catch {
            _ = try native.get()
            throw error
        }
    }

    /// Whether the template's own format of calls can enforce the schemas of arguments. Some families write arguments in a syntax of their own, of
    /// which llama.cpp's grammar holds no more than the names.
    private var holdsArguments: Bool {
        if let known = argumentsAreHeld.withLock({ $0 }) { return known }
        let isHeld = findsArgumentInGrammar()
        argumentsAreHeld.withLock { $0 = isHeld }
        return isHeld
    }

    /// Returns whether the grammar of a required call with a number contains the schema of the number.
    private func findsArgumentInGrammar() -> Bool {
        let parameters: JSON = ["type": "object", "properties": ["a": ["type": "integer"]], "required": ["a"], "additionalProperties": false]
        let conversation = Conversation(
            messages: [ChatMessage(.user, "Hi")], tools: [Tool(name: "probe", parameters: parameters)], toolChoice: ToolChoice(.required))
        guard let placeholders = (try? HeldSchemas(conversation)).map(SchemaPlaceholders.init) else { return true }
        guard let grammar = try? render(request(conversation, placeholders)).grammar else { return true }
        return placeholders.holdsArguments(in: grammar)
    }

    /// Returns the prompt with marks where no control token may begin. Its grammar and answer format come from the request without marks.
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
            throw ChatTemplateError("the chat template returned text that is not UTF-8")
        }
        if let limit = Self.limit(exceededBy: result) { throw ChatTemplateError("the prompt takes more than the limit of \(limit) bytes") }
        var rendered = Self.prompt(result, format)
        if hasSchemas { rendered.text = ReadableSchema.restored(in: rendered.text) }
        return rendered
    }

    private func request(_ conversation: Conversation, _ placeholders: SchemaPlaceholders) -> JSONObject {
        var request: JSONObject = [
            "messages": .array(conversation.messages.map { ids.fitted($0).json }),
            "tool_choice": .string(conversation.toolChoice.mode.rawValue),
            "parallel_tool_calls": .bool(conversation.allowsParallelCalls),
            "enable_thinking": .bool(conversation.thinks ?? true),
            "template_arguments": .object(conversation.templateArguments),
            "continue": .string(conversation.continuation.rawValue),
            "merge_turns": .bool(conversation.normalizations.contains(.mergedTurns)),
        ]
        // With the choice "none", hide the tools so that the model cannot try to call one.
        if !conversation.tools.isEmpty, conversation.toolChoice.mode != .none {
            request["tools"] = ReadableSchema.tools(conversation.tools.map(\.json))
            if conversation.toolChoice.names != nil { request["callable"] = ReadableSchema.tools(conversation.callableTools.map(\.json)) }
            if let tools = placeholders.tools { request["held_tools"] = ReadableSchema.tools(tools) }
        }
        if let schema = conversation.responseSchema { request["response_schema"] = ReadableSchema.schema(schema) }
        if let schema = placeholders.answer { request["held_schema"] = schema }
        return request
    }

    private static func limit(exceededBy result: JSON) -> Int? {
        let limit = InputLimits.standard.promptBytes
        return result["text"]?.stringValue?.utf8.count ?? 0 > limit ? limit : nil
    }

    private static func prompt(_ result: JSON, _ format: LlamaAnswerFormat) -> RenderedPrompt {
        func string(_ key: String) -> String { result[key]?.stringValue ?? "" }
        func strings(_ key: String) -> [String] { result[key]?.arrayValue?.compactMap(\.stringValue) ?? [] }
        let triggers = (result["triggers"]?.arrayValue ?? []).compactMap { trigger -> AnswerGrammar.Trigger? in
            if let word = trigger["word"]?.stringValue { return .word(word) }
            let after = trigger["after"]?.stringValue
            return trigger["opening"]?.stringValue.map { .opening($0, after: after == "" ? nil : after) }
        }
        let grammars = (result["grammars"]?.arrayValue ?? []).map(Self.grammar)
        let isLazy = result["grammar_lazy"]?.boolValue ?? false
        let ends = strings("thinking_ends")
        return RenderedPrompt(
            text: string("text"), additionalStops: strings("stops"), generationPrompt: string("generation_prompt"),
            grammar: grammars.isEmpty ? nil : AnswerGrammar(GrammarDefinition(anyOf: grammars), triggers: isLazy ? triggers : []),
            preservedTokens: strings("preserved_tokens"),
            thinking: ends.isEmpty ? nil : ThinkingTags(start: string("thinking_start"), ends: ends),
            format: result["plain"]?.boolValue == true ? nil : format)
    }

    /// Returns a grammar of `cchat_prompt_describe`, without the fence and the spaces that llama.cpp allows around an answer that fits a schema.
    private static func grammar(_ described: JSON) -> GrammarText {
        let bodies = (described["rules"]?.objectValue ?? [:]).map { ($0.key, $0.value.stringValue ?? "") }
        return GrammarText(
            described["text"]?.stringValue ?? "", bodies: Dictionary(bodies) { first, _ in first },
            replacements: [
                // This is the body of a rule that llama.cpp makes for all formats that it derives from a template.
                .init(#"("```json" space response-format space "```" | space response-format space)"#, with: "response-format"),
                // Spaces remain before the answer where they separate it from reasoning.
                .init("space space response-format", with: "response-format", followsLiteral: true),
            ])
    }

    /// Copies a string of cchat and frees the original.
    static func take(_ string: UnsafeMutablePointer<CChar>?) -> String? {
        guard let string else { return nil }
        defer { cchat_string_free(string) }
        return String(cString: string)
    }
}

extension Conversation {
    /// The tools that the model may call.
    fileprivate var callableTools: [Tool] { tools.filter { toolChoice.names?.contains($0.name) ?? true } }
}

extension RenderedPrompt {
    fileprivate func reporting(_ normalizations: [Normalization]) -> RenderedPrompt {
        var copy = self
        copy.normalizations = normalizations.map(\.rawValue)
        return copy
    }
}

/// The format of the answer to one prompt.
///
/// `@unchecked Sendable`: the prompt is immutable, and parsing only reads it.
final class LlamaAnswerFormat: AnswerFormat, @unchecked Sendable {
    private let pointer: OpaquePointer

    /// Takes ownership of the prompt.
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
