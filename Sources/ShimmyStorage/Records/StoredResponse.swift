package import ShimmyJSON

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
