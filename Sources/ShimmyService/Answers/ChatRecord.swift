import ShimmyAPI
import ShimmyCore
import ShimmyJSON
import ShimmyStorage

/// The stored record of a chat completion. It is written once, when the completion has ended.
struct ChatRecord: AnswerRecord {
    let store: Store
    let id: String
    let owner: String
    let model: String
    let metadata: JSON
    /// The request's messages.
    let messages: [StoredItem]

    var keepsValues: Bool { false }
    var isRequired: Bool { true }

    func append(_ values: [JSON]) async throws -> Bool { true }

    func finish(_ dialect: ChatDialect, _ values: [JSON]) async throws {
        guard let whole = dialect.whole else { return }
        let chat = StoredChat(id: id, owner: owner, created: UnixTime.now, model: model, metadata: metadata, object: whole)
        try await store.insert(chat, messages: messages)
    }

    // The client gets an error, and can make the completion again.
    func finishLater(_ dialect: ChatDialect, _ values: [JSON]) {}
    func leave() {}
}
