// The stored records. Every record has an owner, and only its owner can find it.

package import ShimmyJSON

/// An element of a record's ordered list: an input item of a response, an item of a conversation, or a message of a chat.
package struct StoredItem: Sendable, Equatable {
    /// The id, unique in its record.
    package let id: String
    package let json: JSON

    package init(id: String, json: JSON) {
        self.id = id
        self.json = json
    }
}

/// An event of a response's stream.
package struct StoredEvent: Sendable, Equatable {
    /// The event's `sequence_number`.
    package let number: Int
    package let json: JSON

    package init(number: Int, json: JSON) {
        self.number = number
        self.json = json
    }
}

package struct StoredResponse: Sendable, Equatable {
    package enum Status: String, Sendable, CaseIterable {
        case queued, inProgress = "in_progress", completed, incomplete, failed, cancelled

        /// Whether the status never changes again.
        package var isFinal: Bool { self != .queued && self != .inProgress }
    }

    package let id: String
    package let owner: String
    /// The creation time in unix seconds.
    package let created: Int
    package var status: Status
    package let model: String
    package let isBackground: Bool
    /// The response that this one continues; nil if there is none.
    package var previousID: String?
    package let conversationID: String?
    /// The response's object as clients see it.
    package var object: JSON
    /// The request of a queued response; nil once it has ended.
    package var request: JSON?

    package init(
        id: String, owner: String, created: Int, status: Status, model: String, isBackground: Bool = false, previousID: String? = nil,
        conversationID: String? = nil, object: JSON, request: JSON? = nil
    ) {
        self.id = id
        self.owner = owner
        self.created = created
        self.status = status
        self.model = model
        self.isBackground = isBackground
        self.previousID = previousID
        self.conversationID = conversationID
        self.object = object
        self.request = request
    }
}

/// A change of a response, applied completely or not at all.
package struct ResponseChange: Sendable {
    package var status: StoredResponse.Status?
    package var object: JSON?
    package var events: [StoredEvent] = []
    /// Items to append to the response's conversation, if that still exists. Items that the conversation already contains stay unchanged.
    package var conversationItems: [StoredItem] = []
    /// The statuses in which the change is allowed; in others it has no effect. A cancelled response thus does not become completed.
    package var from: Set<StoredResponse.Status> = [.queued, .inProgress]

    package init(
        status: StoredResponse.Status? = nil, object: JSON? = nil, events: [StoredEvent] = [], conversationItems: [StoredItem] = [],
        from: Set<StoredResponse.Status> = [.queued, .inProgress]
    ) {
        self.status = status
        self.object = object
        self.events = events
        self.conversationItems = conversationItems
        self.from = from
    }
}

/// A response and the responses that it continues, oldest first.
package struct ResponseChain: Sendable, Equatable {
    package struct Turn: Sendable, Equatable {
        package let response: StoredResponse
        package let input: [StoredItem]
    }

    package let turns: [Turn]
    /// The id of the deleted response that precedes the first turn; nil if the chain is complete.
    package let missing: String?
}

package struct StoredConversation: Sendable, Equatable {
    package let id: String
    package let owner: String
    /// The creation time in unix seconds.
    package let created: Int
    package var metadata: JSON

    package init(id: String, owner: String, created: Int, metadata: JSON) {
        self.id = id
        self.owner = owner
        self.created = created
        self.metadata = metadata
    }
}

/// A stored chat completion.
package struct StoredChat: Sendable, Equatable {
    package let id: String
    package let owner: String
    /// The creation time in unix seconds.
    package let created: Int
    package let model: String
    package var metadata: JSON
    /// The completion's object as clients saw it, without the metadata.
    package let object: JSON

    package init(id: String, owner: String, created: Int, model: String, metadata: JSON, object: JSON) {
        self.id = id
        self.owner = owner
        self.created = created
        self.model = model
        self.metadata = metadata
        self.object = object
    }
}

/// The kinds of records. The database contains the raw values.
package enum RecordKind: Int, Sendable, CaseIterable {
    case response = 1, conversation, chat
}
