// What is kept. Every record has an owner, and nobody but the owner finds it.

package import ShimmyJSON

/// One of a record's things that have an order: an input item of a response, an item of a conversation, a message of a chat.
package struct StoredItem: Sendable, Equatable {
    /// Unique in its record.
    package let id: String
    package let json: JSON

    package init(id: String, json: JSON) {
        self.id = id
        self.json = json
    }
}

/// An event of a response's stream.
package struct StoredEvent: Sendable, Equatable {
    /// Its `sequence_number`.
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

        /// Whether it never changes again.
        package var isFinal: Bool { self != .queued && self != .inProgress }
    }

    package let id: String
    package let owner: String
    /// Unix seconds.
    package let created: Int
    package var status: Status
    package let model: String
    package let isBackground: Bool
    /// The response that this one continues.
    package var previousID: String?
    package let conversationID: String?
    /// What clients see.
    package var object: JSON
    /// What has to be run, as long as it has to.
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

/// What becomes of a response: all of it, or nothing.
package struct ResponseChange: Sendable {
    package var status: StoredResponse.Status?
    package var object: JSON?
    package var events: [StoredEvent] = []
    /// Appended to the response's conversation, if that still exists. Items that it has already stay as they are.
    package var conversationItems: [StoredItem] = []
    /// It changes nothing unless the response is in one of these: a response that was cancelled does not become completed.
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

/// A response and those that it continues, oldest first.
package struct ResponseChain: Sendable, Equatable {
    package struct Turn: Sendable, Equatable {
        package let response: StoredResponse
        package let input: [StoredItem]
    }

    package let turns: [Turn]
    /// The response that should come before the first turn and is gone.
    package let missing: String?
}

package struct StoredConversation: Sendable, Equatable {
    package let id: String
    package let owner: String
    /// Unix seconds.
    package let created: Int
    package var metadata: JSON

    package init(id: String, owner: String, created: Int, metadata: JSON) {
        self.id = id
        self.owner = owner
        self.created = created
        self.metadata = metadata
    }
}

/// A chat completion.
package struct StoredChat: Sendable, Equatable {
    package let id: String
    package let owner: String
    /// Unix seconds.
    package let created: Int
    package let model: String
    package var metadata: JSON
    /// What clients saw, without the metadata.
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

/// The kinds of records; the raw values are in the database.
package enum RecordKind: Int, Sendable, CaseIterable {
    case response = 1, conversation, chat
}
