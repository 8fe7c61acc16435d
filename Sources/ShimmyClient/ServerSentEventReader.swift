/// Takes a stream of server-sent events apart (the HTML standard, section 9.2). Comments mean nothing.
package struct ServerSentEventReader {
    private var pending: [UInt8] = []

    package init() {}

    /// The data of the events that are complete.
    package mutating func push(_ bytes: some Sequence<UInt8>) -> [[UInt8]] {
        pending += bytes
        var events: [[UInt8]] = []
        while let end = pending.firstRange(of: [0x0a, 0x0a]) {
            if let data = Self.data(of: pending[..<end.lowerBound]) { events.append(data) }
            pending.removeSubrange(..<end.upperBound)
        }
        return events
    }

    private static func data(of event: ArraySlice<UInt8>) -> [UInt8]? {
        let field = Array("data:".utf8)
        let lines = event.split(separator: 0x0a).filter { $0.starts(with: field) }.map { line in
            var value = line.dropFirst(field.count)
            if value.first == 0x20 { value = value.dropFirst() }
            if value.last == 0x0d { value = value.dropLast() }
            return Array(value)
        }
        return lines.isEmpty ? nil : Array(lines.joined(separator: [0x0a]))
    }
}
