/// Takes a stream of server-sent events apart (the HTML standard, section 9.2).
package struct ServerSentEventReader {
    package enum Event: Sendable, Equatable {
        case data([UInt8])
        /// Means nothing to a program; a person may want to know.
        case comment(String)
    }

    private var pending: [UInt8] = []

    package init() {}

    /// The events and comments that are complete.
    package mutating func push(_ bytes: some Sequence<UInt8>) -> [Event] {
        pending += bytes
        var events: [Event] = []
        while let end = pending.firstRange(of: [0x0a, 0x0a]) {
            events += Self.events(of: pending[..<end.lowerBound])
            pending.removeSubrange(..<end.upperBound)
        }
        return events
    }

    private static func events(of block: ArraySlice<UInt8>) -> [Event] {
        let lines = block.split(separator: 0x0a).map { $0.last == 0x0d ? $0.dropLast() : $0 }
        let data = values(of: "data:", in: lines)
        let comments = values(of: ":", in: lines).map { Event.comment(String(decoding: $0, as: UTF8.self)) }
        return comments + (data.isEmpty ? [] : [.data(Array(data.joined(separator: [0x0a])))])
    }

    /// What stands after a field's name; the space after the colon is no part of it.
    private static func values(of field: String, in lines: [ArraySlice<UInt8>]) -> [ArraySlice<UInt8>] {
        lines.filter { $0.starts(with: field.utf8) }.map { line in
            let value = line.dropFirst(field.utf8.count)
            return value.first == 0x20 ? value.dropFirst() : value
        }
    }
}
