import ShimmyChat
import ShimmyClient

/// Splits the bytes of an upstream's stream into the data of its events, within limits.
package struct EventStream: Sendable {
    private var reader: ServerSentEventReader
    private var bytes = 0
    private let upstream: String
    private let most: Int
    /// The bytes at the start of the stream that may belong to a byte-order mark; nil after them.
    private var start: [UInt8]? = []

    private static let orderMark: [UInt8] = [0xEF, 0xBB, 0xBF]

    package init(upstream: String, eventBytes: Int = UpstreamLimits.eventBytes, answerBytes: Int = UpstreamLimits.answerBytes) {
        self.upstream = upstream
        reader = ServerSentEventReader(limit: eventBytes)
        most = answerBytes
    }

    /// Returns the data of the events that are complete. Throws `UpstreamFailure` if the stream exceeds a limit.
    package mutating func push(_ new: [UInt8]) throws -> [[UInt8]] {
        guard new.count <= most - bytes else { throw UpstreamFailure(upstream, .unreadable, "its answer is longer than \(most) bytes") }
        bytes += new.count
        do throws(ServerSentEventReader.TooLong) {
            return try reader.push(withoutOrderMark(new)).compactMap { event in
                if case .data(let data) = event { data } else { nil }
            }
        } catch {
            throw UpstreamFailure(upstream, .unreadable, "an event of its answer is longer than \(error.bytes) bytes")
        }
    }

    /// Removes the byte-order mark with which a stream may begin.
    private mutating func withoutOrderMark(_ new: [UInt8]) -> [UInt8] {
        guard let start else { return new }
        let bytes = start + new
        if bytes.count < Self.orderMark.count, Self.orderMark.starts(with: bytes) {
            self.start = bytes
            return []
        }
        self.start = nil
        return bytes.starts(with: Self.orderMark) ? Array(bytes.dropFirst(Self.orderMark.count)) : bytes
    }
}
