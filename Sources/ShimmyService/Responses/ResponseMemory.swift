import ShimmyAPI
import ShimmyCore
import ShimmyJSON
import Synchronization

/// The newest responses of one connection that are not stored. A later request of the connection can continue them.
///
/// A response that exceeds a limit is not remembered. Its client then gets the error of an unknown response and sends the whole conversation.
package final class ResponseMemory: Sendable {
    private struct Entry {
        let id: String
        /// The items of the conversation up to and including the response.
        let items: [ResponseItem]
        let bytes: Int
        /// The bytes, in parts.
        let reservations: [Reservation]
    }

    /// Reserved bytes. They are released with the object.
    fileprivate final class Reservation: Sendable {
        private let release: @Sendable () -> Void

        init(release: @escaping @Sendable () -> Void) { self.release = release }

        deinit { release() }
    }

    private let mostResponses: Int
    private let mostBytes: Int
    private let reserve: @Sendable (Int) -> Bool
    private let release: @Sendable (Int) -> Void
    /// The responses, least recently used first.
    private let entries = Mutex<[Entry]>([])

    /// - mostBytes: the max bytes of all items together, as JSON.
    /// - reserve: reserves bytes of the memory that all connections share; returns false if there are not enough.
    /// - release: releases reserved bytes.
    package init(
        mostResponses: Int, mostBytes: Int, reserve: @escaping @Sendable (Int) -> Bool, release: @escaping @Sendable (Int) -> Void
    ) {
        self.mostResponses = mostResponses
        self.mostBytes = mostBytes
        self.reserve = reserve
        self.release = release
    }

    /// Returns the items of a response's conversation, with its output; nil if the response is not remembered.
    func items(of id: String) -> [ResponseItem]? {
        entries.withLock { entries in
            guard let index = entries.lastIndex(where: { $0.id == id }) else { return nil }
            let entry = entries.remove(at: index)
            entries.append(entry)
            return entry.items
        }
    }

    /// Reserves bytes; returns nil if there are not enough.
    fileprivate func reservation(_ bytes: Int) -> Reservation? {
        guard bytes <= mostBytes, reserve(bytes) else { return nil }
        return Reservation { [release] in release(bytes) }
    }

    /// Returns the record for a response that continues `context`. The record holds the items while the response is made, so their memory is
    /// reserved from the beginning.
    func record(of context: ResponseContext) async throws -> MemoryRecord {
        let items = context.items
        let bytes = try await WorkerPool.input.run { _ in Self.bytes(of: items) }
        let reservation = reservation(bytes)
        return MemoryRecord(memory: self, input: reservation == nil ? [] : items, bytes: bytes, reservation: reservation)
    }

    fileprivate static func bytes(of items: [ResponseItem]) -> Int { items.reduce(0) { $0 + $1.json.serialized().count } }

    /// Remembers a response, in place of the least recently used ones.
    fileprivate func keep(_ id: String, _ items: [ResponseItem], bytes: Int, _ reservations: [Reservation]) {
        guard bytes <= mostBytes, mostResponses > 0 else { return }
        entries.withLock { entries in
            var total = entries.reduce(bytes) { $0 + $1.bytes }
            while let oldest = entries.first, entries.count >= mostResponses || total > mostBytes {
                total -= oldest.bytes
                entries.removeFirst()
            }
            entries.append(Entry(id: id, items: items, bytes: bytes, reservations: reservations))
        }
    }
}

/// The record of a response in its connection's memory.
struct MemoryRecord: AnswerRecord {
    fileprivate let memory: ResponseMemory
    /// The items that the response continues; empty if there is no memory for them.
    fileprivate let input: [ResponseItem]
    fileprivate let bytes: Int
    /// The memory of `input`; nil if the response cannot be remembered.
    fileprivate let reservation: ResponseMemory.Reservation?

    var keepsValues: Bool { false }
    var isRequired: Bool { false }

    func append(_ values: [JSON]) async throws -> Bool { true }

    /// Remembers the response if its status is completed or incomplete.
    func finish(_ dialect: ResponseEvents, _ values: [JSON]) async throws {
        let object = dialect.object
        guard let reservation, object.status == .completed || object.status == .incomplete else { return }
        let output = try object.output.map { try ResponseItem(stored: $0) }
        let outputBytes = ResponseMemory.bytes(of: output)
        guard let more = memory.reservation(outputBytes) else { return }
        memory.keep(object.id, input + output, bytes: bytes + outputBytes, [reservation, more])
    }

    func finishLater(_ dialect: ResponseEvents, _ values: [JSON]) {}

    func leave() {}
}
