package import ShimmyJSON

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
