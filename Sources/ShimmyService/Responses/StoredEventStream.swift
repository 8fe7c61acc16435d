import Logging
import ShimmyAPI
import ShimmyChat
import ShimmyJSON
import ShimmyStorage

/// Reads the stored events of a background response, and then further ones as they are stored.
final class StoredEventStream: RunningAnswer {
    private let id: String
    /// The number of the last event that was read.
    private var number: Int
    /// The response as it was when the stream began; nil once events were read.
    private var object: JSON?
    private let store: Store
    private let background: BackgroundResponses
    private let caller: Caller
    private var isOver = false

    init(_ id: String, after number: Int, object: JSON, _ store: Store, _ background: BackgroundResponses, _ caller: Caller) {
        self.id = id
        self.number = number
        self.object = object
        self.store = store
        self.background = background
        self.caller = caller
    }

    func nextBytes() async throws -> [UInt8]? {
        guard let events = try await nextValues() else { return nil }
        return events.isEmpty ? ResponseEvents.framing.ping : events.flatMap(ResponseEvents.framing.frame)
    }

    func nextValues() async throws -> [JSON]? {
        object = nil
        do {
            return try await nextEvents()
        } catch let error where !(error is CancellationError) {
            caller.logger.error("response stream failed", metadata: ["response": "\(id)", "error": "\(error)"])
            isOver = true
            return [ResponseEvents.error(APIError(any: error), number: number + 1)]
        }
    }

    /// Returns the next events, possibly none; nil after the last ones.
    private func nextEvents() async throws -> [JSON]? {
        while !isOver {
            let wasActive = background.isActive(id)
            let unkept = background.unkept.events(of: id, owner: caller.storageOwner, after: number)
            guard let events = try await store.events(of: id, owner: caller.storageOwner, after: number) else {
                isOver = true
                return [ResponseEvents.error(.notFound("Response", id), number: number + 1)]
            }
            if let last = events.last {
                number = last.number
                isOver = ResponseEvents.isLast(last.json)
                return events.map(\.json)
            }
            // If the response had ended before the read, all stored events have been read.
            guard wasActive else {
                isOver = true
                return unkept.isEmpty ? nil : unkept
            }
            await background.watch(id, beyond: number)
            if background.isActive(id), !(await hasNews()) { return [] }
        }
        return nil
    }

    private func hasNews() async -> Bool {
        (try? await store.events(of: id, owner: caller.storageOwner, after: number, limit: 1))?.isEmpty == false
    }

    func whole() async throws -> WholeAnswer { WholeAnswer(json: object ?? .null) }

    /// Does nothing: the response goes on without this reader.
    func abandon() async {}
}

extension BackgroundResponses {
    /// Returns the events of a response for one more reader.
    /// - object: the response as it is now.
    func events(of id: String, after number: Int, object: JSON, _ caller: Caller) -> StartedAnswer {
        let wake = Answer.Canceller(onCancel: { self.nudge(id) }, onNudge: { self.nudge(id) })
        return StartedAnswer(StoredEventStream(id, after: number, object: object, store, self, caller), wake)
    }
}
