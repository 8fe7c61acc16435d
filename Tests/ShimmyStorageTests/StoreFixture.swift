import Foundation
import GRDB
import Logging
import ShimmyJSON
import ShimmyStorage
import Synchronization

/// A directory for stores that is deleted with the test, with a clock that the test advances.
final class StoreFixture: Sendable {
    let directory: String
    let clock = Mutex(1_800_000_000)

    init() {
        directory = FileManager.default.temporaryDirectory.path + "/store-\(UUID().uuidString)"
    }

    deinit { try? FileManager.default.removeItem(atPath: directory) }

    var file: String { "\(directory)/shimmy.sqlite" }
    var now: Int { clock.withLock { $0 } }
    func pass(days: Int) { clock.withLock { $0 += days * 86_400 } }

    /// Returns a store over the directory, as another process would open it.
    /// - patience: seconds to wait for another process's lock.
    func store(_ limits: StorageLimits = StorageLimits(), patience: Double = 0.05) -> Store {
        Store(
            directory: directory, limits: limits, logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }, patience: patience,
            retryAfter: .zero
        ) { self.now }
    }

    func response(
        _ id: String, owner: String = "me", _ status: StoredResponse.Status = .completed, continues previous: String? = nil,
        in conversation: String? = nil, isBackground: Bool = false, text: String = "hello", request: JSON? = nil
    ) -> StoredResponse {
        StoredResponse(
            id: id, owner: owner, created: now, status: status, model: "m", isBackground: isBackground, previousID: previous,
            conversationID: conversation,
            object: ["id": .string(id), "status": .string(status.rawValue), "error": .null, "text": .string(text)], request: request)
    }

    func chat(_ id: String, owner: String = "me", model: String = "m", metadata: JSON = [:], text: String = "hello") -> StoredChat {
        StoredChat(id: id, owner: owner, created: now, model: model, metadata: metadata, object: ["id": .string(id), "text": .string(text)])
    }

    func items(_ range: Range<Int>) -> [StoredItem] { range.map { StoredItem(id: "item\($0)", json: ["number": .int($0)]) } }

    /// Returns a second connection to the database.
    func beside() throws -> DatabaseQueue {
        var configuration = Configuration()
        configuration.allowsUnsafeTransactions = true
        return try DatabaseQueue(path: file, configuration: configuration)
    }

    /// Returns a connection with an exclusive lock, which ends when the connection is closed.
    func exclusive() throws -> DatabaseQueue {
        let other = try beside()
        try other.writeWithoutTransaction { try $0.execute(sql: "PRAGMA locking_mode = EXCLUSIVE; BEGIN EXCLUSIVE; COMMIT") }
        return other
    }
}

extension Listing where Element == StoredItem {
    var ids: [String] { data.map(\.id) }
}

extension Listing where Element == StoredChat {
    var ids: [String] { data.map(\.id) }
}
