import ShimmyChat
import ShimmyJSON

/// Translates the messages of Anthropic's API to those of a chat completion.
///
/// Adjacent messages of one role are one turn. The results in a user turn become tool messages before the turn's text, because they belong directly
/// after the calls. Blocks that this server does not know are reported.
struct MessageTurns {
    enum Role: String, CaseIterable { case user, assistant, system }

    private struct Turn {
        let role: Role
        var texts: [String] = []
        var images: [Image] = []
        var reasoning: [String] = []
        var calls: [JSON] = []
        var results: [JSON] = []
    }

    private struct Image {
        /// The index of the text before which the image stands.
        let position: Int
        let url: String
        /// The path of the client's field with the address or the data.
        let path: JSONPath
    }

    /// The translated messages; complete after `finish`.
    private(set) var messages: [JSON] = []
    private(set) var ignored = ReportedNames()
    /// The client's names of translated fields.
    private(set) var names: [(field: String, name: String)] = []
    /// Whether a block marks a part of the prompt for the cache.
    private(set) var marksCache = false
    /// Whether the last message is the beginning of the answer.
    private(set) var isContinued = false
    private var turn: Turn?
    /// The path of the content of the newest message.
    private var contentPath = JSONPath.key("messages")
    /// The ids of the calls in the newest assistant turn, and of those that have no result yet.
    private var calls: Set<String> = []
    private var open: Set<String> = []
    /// The ids of its calls with an incomplete input that have no result yet.
    private var cut: Set<String> = []
    /// The images of the newest result.
    private var resultImages: [Image] = []
    /// System messages between calls and their results. Templates need the results first.
    private var held: [JSON] = []

    /// Adds the field `system` of a request.
    mutating func addSystem(_ fields: FieldReader) throws(APIError) {
        let texts = try self.texts(fields, "system", isPlain: true)
        if !texts.isEmpty { turn = Turn(role: .system, texts: texts) }
    }

    mutating func add(_ message: FieldReader) throws(APIError) {
        let role = try message.choice("role", as: Role.self)
        if turn?.role != role || role == .system {
            close()
            if role == .assistant {
                try checkResults()
                (calls, cut) = ([], [])
            }
            turn = Turn(role: role)
        }
        let content = try message.required("content")
        contentPath = message.path(to: "content")
        guard role != .system, let blocks = content.arrayValue else {
            let texts = try self.texts(message, "content", isPlain: true)
            turn?.texts += texts
            return
        }
        for (index, block) in blocks.enumerated() { try add(try message.element(block, of: "content", at: index), role) }
    }

    /// Ends the conversation. Throws a 400 if a call has no result, or if the beginning of the answer ends with white space.
    mutating func finish() throws(APIError) {
        if let turn, turn.role == .assistant, turn.calls.isEmpty {
            if turn.texts.last(where: { !$0.isEmpty })?.unicodeScalars.last?.properties.isWhitespace == true {
                throw APIError(
                    status: 400, message: "Invalid '\(contentPath)': final assistant content cannot end with trailing whitespace.",
                    param: "\(contentPath)", code: "invalid_value")
            }
            isContinued = true
        }
        close()
        try checkResults()
    }

    private func checkResults() throws(APIError) {
        guard !open.isEmpty else { return }
        throw APIError(
            status: 400,
            message: "Invalid 'messages': each 'tool_use' block needs a 'tool_result' block in the next message. These ids have none: "
                + "\(open.sorted().prefix(10).joined(separator: ", ")).", param: "messages", code: "invalid_value")
    }

    private mutating func close() {
        guard let turn else { return }
        self.turn = nil
        switch turn.role {
        case .system:
            if !turn.texts.isEmpty {
                let message: JSON = ["role": "system", "content": Self.content(turn.texts.map(BillingHeader.stabilized))]
                if open.isEmpty { messages.append(message) } else { held.append(message) }
            }
        case .user:
            messages += turn.results + held
            held = []
            if turn.results.isEmpty || !turn.texts.isEmpty || !turn.images.isEmpty {
                messages.append(["role": "user", "content": content(of: turn)])
            }
        case .assistant:
            var message: JSONObject = ["role": "assistant"]
            if !turn.texts.isEmpty { message["content"] = Self.content(turn.texts) }
            if !turn.reasoning.isEmpty { message["reasoning_content"] = .string(turn.reasoning.joined(separator: "\n")) }
            if !turn.calls.isEmpty { message["tool_calls"] = .array(turn.calls) }
            messages.append(.object(message))
        }
    }

    /// Returns the content of the next message, and notes the names of its images.
    private mutating func content(of turn: Turn) -> JSON {
        if turn.images.isEmpty { return Self.content(turn.texts) }
        let (parts, indices) = Self.parts(turn.texts, turn.images)
        for (index, image) in zip(indices, turn.images) {
            names.append((field: "messages[\(messages.count)].content[\(index)].image_url.url", name: "\(image.path)"))
        }
        return .array(parts)
    }

    /// Returns texts and images as parts of a message, and the index of each image among them.
    private static func parts(_ texts: [String], _ images: [Image]) -> (parts: [JSON], indices: [Int]) {
        var (parts, indices): ([JSON], [Int]) = ([], [])
        var rest = images[...]
        for position in 0...texts.count {
            while let image = rest.first, image.position == position {
                rest.removeFirst()
                indices.append(parts.count)
                parts.append(["type": "image_url", "image_url": ["url": .string(image.url)]])
            }
            if position < texts.count { parts.append(["type": "text", "text": .string(texts[position])]) }
        }
        return (parts, indices)
    }

    private static func content(_ texts: [String]) -> JSON {
        if texts.count == 1 { return .string(texts[0]) }
        return .array(texts.map { ["type": "text", "text": .string($0)] })
    }

    // MARK: Blocks

    private mutating func add(_ block: FieldReader, _ role: Role) throws(APIError) {
        noteCacheMark(block)
        let type = try block.requiredString("type")
        switch (type, role) {
        case ("tool_result", .user): try addResult(block)
        case ("tool_use", .assistant): try addCall(block)
        case ("image", .user) where block.media.contains(.image): try addImage(block)
        case ("thinking", .assistant):
            let text = try block.string("thinking") ?? ""
            let signature = try block.string("signature") ?? ""
            // The signature of a block without its text contains the text.
            addReasoning(text.isEmpty ? SealedText.open(signature) : text)
        case ("redacted_thinking", .assistant):
            let text = SealedText.open(try block.requiredString("data"))
            if text == nil { ignored.append("\(block.path)") }
            addReasoning(text)
        case ("tool_result", _), ("tool_use", _), ("thinking", _), ("redacted_thinking", _):
            throw .invalidValue(
                block.path(to: "type"), type,
                supported: ["text"] + (role == .user ? ["document", "search_result", "tool_result"] : ["tool_use", "thinking", "redacted_thinking"]))
        default:
            if let text = try self.text(of: block, type) { turn?.texts.append(text) } else { ignored.append("\(block.path)") }
        }
    }

    private mutating func addImage(_ block: FieldReader) throws(APIError) {
        let image = try Self.image(block, position: turn?.texts.count ?? 0)
        turn?.images.append(image)
    }

    /// Returns the image of a block in a result; nil for one that cannot be passed on.
    private static func resultImage(_ block: FieldReader, position: Int) -> Image? {
        guard block.media.contains(.image), let image = try? Self.image(block, position: position) else { return nil }
        let part: JSON = ["type": "image_url", "image_url": ["url": .string(image.url)]]
        guard let fields = try? FieldReader(part, path: .root), (try? MediaDecoder.chatImage(fields)) != nil else { return nil }
        return image
    }

    /// - position: the index of the text before which the image stands.
    private static func image(_ block: FieldReader, position: Int) throws(APIError) -> Image {
        guard let source = try block.nested("source") else { throw .missing(block.path(to: "source")) }
        let type = try source.requiredString("type")
        let (url, name): (String, String)
        switch type {
        case "url": (url, name) = (try source.requiredString("url"), "url")
        case "base64":
            let mediaType = try source.requiredString("media_type")
            guard mediaType.hasPrefix("image/"), MediaDecoder.isName(mediaType.dropFirst(6)) else {
                throw .invalidValue(
                    source.path(to: "media_type"), mediaType, supported: ["image/jpeg", "image/png", "image/gif", "image/webp"])
            }
            (url, name) = ("data:\(mediaType);base64,\(try source.requiredString("data"))", "data")
        default: throw .invalidValue(source.path(to: "type"), type, supported: ["base64", "url"])
        }
        return Image(position: position, url: url, path: source.path(to: name))
    }

    private mutating func noteCacheMark(_ block: FieldReader) {
        if block.value("cache_control") != nil { marksCache = true }
    }

    private mutating func addReasoning(_ text: String?) {
        if let text, !text.isEmpty { turn?.reasoning.append(text) }
    }

    private mutating func addCall(_ block: FieldReader) throws(APIError) {
        let id = try block.requiredString("id")
        let name = try block.requiredString("name")
        let input = block.value("input") ?? [:]
        // Some clients send the text of an input that a token limit cut off. The decoder of chat completions leaves out a call without a result.
        let isCut = input.stringValue.map(CallArguments.isCutOff) ?? false
        guard isCut || input.objectValue != nil else { throw .wrongType(block.path(to: "input"), expected: "an object", got: input) }
        turn?.calls.append(["id": .string(MessageCallID.own(id)), "type": "function", "function": ["name": .string(name), "arguments": input]])
        calls.insert(id)
        if isCut { cut.insert(id) } else { open.insert(id) }
    }

    private mutating func addResult(_ block: FieldReader) throws(APIError) {
        let id = try block.requiredString("tool_use_id")
        guard calls.contains(id) else {
            let path = "\(block.path(to: "tool_use_id"))"
            throw APIError(
                status: 400, message: "Invalid '\(path)': the previous message has no 'tool_use' block with the id '\(id)'.", param: path,
                code: "invalid_value")
        }
        // A call that was cut off may have a result, but need not have one.
        guard open.remove(id) != nil || cut.remove(id) != nil else {
            let path = "\(block.path(to: "tool_use_id"))"
            throw APIError(
                status: 400,
                message: "Invalid '\(path)': each 'tool_use' block has one 'tool_result' block, and there is another one with the id "
                    + "'\(id)'.", param: path, code: "duplicate_item")
        }
        resultImages = []
        let texts = try self.texts(block, "content", isResult: true)
        // Templates have no field for this.
        let isError = try block.bool("is_error") == true
        var content = JSON.string(((isError ? ["Error:"] : []) + texts).joined(separator: "\n"))
        if !resultImages.isEmpty {
            var parts = Self.parts(texts, resultImages).parts
            if isError { parts.insert(["type": "text", "text": "Error:"], at: 0) }
            content = .array(parts)
        }
        turn?.results.append(["role": "tool", "tool_call_id": .string(MessageCallID.own(id)), "content": content])
    }

    // MARK: Texts

    /// Returns the text of a block; nil for a block that this server does not know. Throws a 400 for a block that no model can read here.
    private mutating func text(of block: FieldReader, _ type: String) throws(APIError) -> String? {
        switch type {
        case "text": return try block.requiredString("text")
        case "document": return try document(block)
        case "search_result":
            let (title, source) = (try block.requiredString("title"), try block.requiredString("source"))
            let texts = try self.texts(block, "content", isPlain: true)
            return ([title, source] + texts).joined(separator: "\n")
        case "image": throw .notText(block.path(to: "type"), type, supported: ["text", "document", "search_result"])
        default: return nil
        }
    }

    private static func isBinary(_ document: FieldReader) -> Bool {
        let type = document.value("source")?["type"]?.stringValue
        return type != "text" && type != "content"
    }

    private mutating func document(_ block: FieldReader) throws(APIError) -> String {
        guard let source = try block.nested("source") else { throw .missing(block.path(to: "source")) }
        let (title, context) = (try block.string("title"), try block.string("context"))
        var texts = [title, context].compactMap { $0 }
        let type = try source.requiredString("type")
        switch type {
        case "text": texts.append(try source.requiredString("data"))
        case "content": texts += try self.texts(source, "content", isPlain: true)
        default: throw .notText(source.path(to: "type"), type, supported: ["text", "content"])
        }
        return texts.joined(separator: "\n")
    }

    /// Returns the texts of a field: a string, or blocks. Blocks that this server does not know are reported.
    /// - isPlain: whether the field contains only blocks of text, so that no block contains others.
    /// - isResult: whether the field is a tool's result. Its images go to `resultImages`, or a text takes their place; see `OmittedPart`.
    private mutating func texts(
        _ fields: FieldReader, _ name: String, isPlain: Bool = false, isResult: Bool = false
    ) throws(APIError) -> [String] {
        guard let value = fields.value(name) else { return [] }
        if let text = value.stringValue { return [text] }
        guard let blocks = value.arrayValue else {
            throw .wrongType(fields.path(to: name), expected: "a string or an array of objects", got: value)
        }
        var texts: [String] = []
        for (index, element) in blocks.enumerated() {
            let block = try fields.element(element, of: name, at: index)
            noteCacheMark(block)
            let type = try block.requiredString("type")
            if type == "text" {
                texts.append(try block.requiredString("text"))
            } else if isResult, type == "image", let image = Self.resultImage(block, position: texts.count) {
                resultImages.append(image)
            } else if isResult, type == "image" || type == "document" && Self.isBinary(block), let text = OmittedPart.text(of: type) {
                texts.append(text)
                ignored.append("\(block.path)")
            } else if !isPlain, let text = try self.text(of: block, type) {
                texts.append(text)
            } else {
                ignored.append("\(block.path)")
            }
        }
        return texts
    }
}
