package import ShimmyChat
package import ShimmyJSON

/// One item of the Responses API: what a client said, what a model said, a call, what came of it, a thought.
package struct ResponseItem: Sendable, Equatable {
    /// What an item says to a model.
    package enum Meaning: Sendable, Equatable {
        case message(ChatMessage.Role, [String])
        /// The arguments are a text of JSON; a custom tool's text is its one argument.
        case call(id: String, name: String, arguments: String)
        case output(callID: String, [String])
        case reasoning(String)
        /// What a conversation said before it was compacted.
        case summary(String)
        /// A call together with what came of it, made by another server.
        case made(id: String, name: String, arguments: String, output: String)
        /// Tools that may be called from there on.
        /// - unseen: the place of the first one that this server cannot offer, below the item's own; nil when there is none.
        case tools(unseen: String?)
        /// Nothing that a template could show.
        case unseen
    }

    package let id: String
    package let meaning: Meaning
    /// The whole item as it is stored and told: what was given, with an id, a status, and contents in parts.
    package let json: JSON

    /// The place of what a model does not get to see of it, below its own; nil for none.
    package var unseenPart: String? {
        switch meaning {
        case .unseen: return ""
        case .tools(let unseen): return unseen
        case .reasoning: return json["encrypted_content"]?.stringValue.map { SealedText.open($0) == nil } == true ? ".encrypted_content" : nil
        default: return nil
        }
    }

    package init(id: String, meaning: Meaning, json: JSON) {
        self.id = id
        self.meaning = meaning
        self.json = json
    }

    /// Reads an item that was stored or told.
    package init(stored json: JSON) throws(APIError) { self = try ResponseItemDecoder.item(try FieldReader(json, path: .key("item"))) }

    /// A new id of an item of this kind.
    package static func newID(_ kind: IDKind) -> String { kind.rawValue + RandomID.make() }

    /// The beginnings of ids.
    package enum IDKind: String, Sendable {
        case message = "msg_"
        case functionCall = "fc_"
        case functionOutput = "fco_"
        case customCall = "ctc_"
        case customOutput = "ctco_"
        case reasoning = "rs_"
        case compaction = "cmp_"
        case localShellCall = "lsh_"
        case shellCall = "sh_"
        case applyPatchCall = "apc_"
        case toolSearchCall = "tsc_"
        case other = "item_"
        case response = "resp_"
    }
}

/// An element of a request's `input`: an item, or the name of one that is stored.
package enum InputItem: Sendable, Equatable {
    case item(ResponseItem)
    /// - path: where the request has it, for the error if there is no such item.
    case reference(id: String, path: String)

    /// A message of the user.
    package static func text(_ text: String) -> InputItem {
        let id = ResponseItem.newID(.message)
        return .item(
            ResponseItem(
                id: id, meaning: .message(.user, [text]),
                json: [
                    "id": .string(id), "type": "message", "status": "completed", "role": "user",
                    "content": [["type": "input_text", "text": .string(text)]],
                ]))
    }

    /// The items of an array in a request's body, such as `items` of a conversation; nil when there is none.
    package static func items(in body: JSON, _ name: String, atMost maximum: Int) throws(APIError) -> [InputItem]? {
        try ResponseItemDecoder.items(try FieldReader(body, path: .root), name, atMost: maximum)
    }

    /// The items of `input`, which may be a text; nil when it is absent.
    package static func input(in body: JSON) throws(APIError) -> [InputItem]? {
        try ResponseItemDecoder.input(try FieldReader(body, path: .root))
    }

    /// The items with references looked up. Throws a 404 that names a reference that leads nowhere.
    package static func resolve(
        _ items: [InputItem], _ find: (String) async throws -> ResponseItem?
    ) async throws -> [ResponseItem] {
        var resolved: [ResponseItem] = []
        for item in items {
            switch item {
            case .item(let item): resolved.append(item)
            case .reference(let id, let path):
                guard let item = try await find(id) else { throw APIError.unknownItem(id, path: path) }
                resolved.append(item)
            }
        }
        return resolved
    }
}

extension APIError {
    static func unknownItem(_ id: String, path: String) -> APIError {
        APIError(status: 404, message: "Item with id '\(id)' not found.", param: path)
    }
}
