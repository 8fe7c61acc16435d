import NIOCore
import ShimmyAPI
import Synchronization

/// The bytes of one body while it arrives and is read. They count towards the process's limit until the object is released.
final class RequestBytes: Sendable {
    /// The size of a piece in bytes. Pieces avoid the copies of a growing array, and they are filled completely even if a client sends
    /// single bytes.
    private static let pieceBytes = 256 << 10

    private struct State {
        var pieces: [[UInt8]] = []
        var count = 0
        var reserved = 0
        var waiting = 0
    }

    private let use: ServerUse
    private let limit: Int
    private let state = Mutex(State())

    /// - limit: the max size of the body in bytes.
    init(use: ServerUse, limit: Int) {
        self.use = use
        self.limit = limit
    }

    deinit { release() }

    /// Returns an empty object for another form of the same body, with the same limits.
    func emptied() -> RequestBytes { RequestBytes(use: use, limit: limit) }

    var count: Int { state.withLock { $0.count } }

    /// Appends bytes to the body. Throws a 413 if the body is too large, and a 503 if all bodies together exceed their memory limit.
    func append(_ buffer: ByteBuffer) throws(APIError) {
        let more = buffer.readableBytes
        guard more <= limit - count else { throw .bodyTooLarge(limit: limit) }
        guard use.reserve(bodyBytes: more) else {
            throw .busy("request bodies in processing have reached the limit of \(use.limits.bodyMemory) bytes")
        }
        state.withLock { state in
            state.reserved += more
            state.count += more
            var rest = buffer.readableBytesView
            while !rest.isEmpty {
                let last = state.pieces.count - 1
                let room = last < 0 ? 0 : Self.pieceBytes - state.pieces[last].count
                if room == 0 {
                    state.pieces.append([])
                } else {
                    state.pieces[last] += rest.prefix(room)
                    rest = rest.dropFirst(room)
                }
            }
        }
    }

    /// Returns all bytes and removes them; a second call returns none.
    func take() -> [UInt8] {
        let pieces = state.withLock { state in
            defer { state.pieces = [] }
            return state.pieces
        }
        if pieces.count <= 1 { return pieces.first ?? [] }
        var bytes: [UInt8] = []
        bytes.reserveCapacity(pieces.reduce(0) { $0 + $1.count })
        for piece in pieces { bytes += piece }
        return bytes
    }

    /// Counts the body also as one that waits for the end of another request, until it is released. Returns false if the limit does not allow it.
    func reserveWaiting() -> Bool {
        state.withLock { state in
            guard state.waiting == 0, use.reserve(waitingBytes: state.reserved) else { return false }
            state.waiting = state.reserved
            return true
        }
    }

    /// Releases the reserved memory, once the body and everything made from it is gone.
    func release() {
        let (reserved, waiting) = state.withLock { state in
            defer { (state.reserved, state.waiting, state.pieces) = (0, 0, []) }
            return (state.reserved, state.waiting)
        }
        if waiting > 0 { use.release(waitingBytes: waiting) }
        if reserved > 0 { use.release(bodyBytes: reserved) }
    }
}
