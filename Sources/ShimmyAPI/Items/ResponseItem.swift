package import ShimmyChat
package import ShimmyJSON

/// One item of the Responses API: a message of the client or the model, a call, the output of a call, or reasoning.
package struct ResponseItem: Sendable, Equatable {
    /// The meaning of an item to a model.
    package enum Meaning: Sendable, Equatable {
        case message(ChatMessage.Role, [ContentPart])
        /// A call. The arguments are a JSON text; a custom tool's input text is its only argument.
        case call(id: String, name: String, arguments: String)
        case output(callID: String, [ContentPart])
        case reasoning(String)
        /// The summary of a conversation that was compacted.
        case summary(String)
        /// A call together with its output, made by another server.
        case made(id: String, name: String, arguments: String, output: String)
        /// Tools that the model may call from this item on.
        /// - unseen: the path, relative to the item, of the first tool that this server cannot offer; nil if there is none.
        case tools(unseen: String?)
        /// An item that no template can express.
        case unseen
    }

    package let id: String
    package let meaning: Meaning
    /// The whole item as it is stored and returned: the members that the client gave, with an ID, a status, and content in parts.
    package let json: JSON

    /// The paths, relative to the item, of the contents that the model does not see. An empty path means the whole item.
    package var unseenParts: [String] {
        switch meaning {
        case .unseen: return [""]
        case .tools(let unseen): return unseen.map { [$0] } ?? []
        case .reasoning: return json["encrypted_content"]?.stringValue.map { SealedText.open($0) == nil } == true ? [".encrypted_content"] : []
        case .output(_, let contents):
            let parts = json["output"]?.arrayValue ?? []
            return zip(parts, contents).enumerated().compactMap { index, part in
                let omitted = part.0["type"]?.stringValue.flatMap(OmittedPart.text)
                return omitted != nil && omitted == part.1.text ? ".output[\(index)]" : nil
            }
        default: return []
        }
    }

    package init(id: String, meaning: Meaning, json: JSON) {
        self.id = id
        self.meaning = meaning
        self.json = json
    }

    /// Decodes an item that the server stored or returned before.
    package init(stored json: JSON) throws(APIError) {
        self = try ResponseItemDecoder.item(try FieldReader(json, path: .key("item"), media: .all))
    }

    /// The images and recordings in the item.
    package var media: [MediaPart] {
        switch meaning {
        case .message(_, let parts), .output(_, let parts): parts.compactMap(\.media)
        default: []
        }
    }

    /// The kinds of media that the model must read. In the output of a tool, a text can take the place of media.
    package var mediaKinds: MediaKinds {
        if case .output = meaning { return .none }
        return MediaKinds(media.map(\.kind))
    }

    /// Returns a new ID for an item of this kind.
    package static func newID(_ kind: IDKind) -> String { kind.rawValue + RandomID.make() }

    /// The prefixes of IDs.
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

/// An element of a request's `input`: an item, or a reference to a stored item.
package enum InputItem: Sendable, Equatable {
    case item(ResponseItem)
    /// - path: the path of the reference in the request, for the error if the item does not exist.
    case reference(id: String, path: String)

    /// Returns a user message.
    package static func text(_ text: String) -> InputItem {
        let id = ResponseItem.newID(.message)
        return .item(
            ResponseItem(
                id: id, meaning: .message(.user, [.text(text)]),
                json: [
                    "id": .string(id), "type": "message", "status": "completed", "role": "user",
                    "content": [["type": "input_text", "text": .string(text)]],
                ]))
    }

    /// The images and recordings in the item.
    package var media: [MediaPart] {
        guard case .item(let item) = self else { return [] }
        return item.media
    }

    /// Returns the items of an array in a request's body, such as `items` of a conversation; nil if the field is absent.
    /// - media: the kinds of media that the items may contain.
    package static func items(
        in body: JSON, _ name: String, atMost maximum: Int, media: MediaKinds = .none
    ) throws(APIError) -> [InputItem]? {
        try ResponseItemDecoder.items(try FieldReader(body, path: .root, media: media), name, atMost: maximum)
    }

    /// Returns the items of `input`, which may also be a text; nil if the field is absent.
    package static func input(in body: JSON) throws(APIError) -> [InputItem]? {
        try ResponseItemDecoder.input(try FieldReader(body, path: .root))
    }

    /// Returns the items, with stored items in place of references. Throws a 404 that names the first reference to an item that does not exist.
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
