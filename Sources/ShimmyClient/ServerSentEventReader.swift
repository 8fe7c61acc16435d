/// A parser of a stream of server-sent events (the HTML standard, section 9.2). Lines end with LF, CR LF or CR.
package struct ServerSentEventReader: Sendable {
    package enum Event: Sendable, Equatable {
        case data([UInt8])
        /// A comment line. Programs ignore it; it may interest users.
        case comment(String)
    }

    /// An event that exceeds the client's limit.
    package struct TooLong: Error, Equatable {
        package let bytes: Int

        package init(bytes: Int) { self.bytes = bytes }
    }

    /// The maximum number of bytes of a line, and of the data of an event. An event of an answer has some hundred.
    private let limit: Int
    private var line: [UInt8] = []
    private var data: [UInt8] = []
    private var hasData = false
    /// Whether the last byte was a CR, so that an LF after it belongs to the same line end.
    private var followsReturn = false

    package init(limit: Int = 16 << 20) { self.limit = limit }

    /// Parses more bytes and returns the events and comments that are complete. Throws `TooLong`.
    package mutating func push(_ bytes: some Sequence<UInt8>) throws(TooLong) -> [Event] {
        var events: [Event] = []
        for byte in bytes {
            defer { followsReturn = byte == 0x0d }
            if byte == 0x0a, followsReturn { continue }
            guard byte == 0x0a || byte == 0x0d else {
                guard line.count < limit else { throw TooLong(bytes: limit) }
                line.append(byte)
                continue
            }
            if let event = try take() { events.append(event) }
            line.removeAll(keepingCapacity: line.capacity <= 1 << 16)
        }
        return events
    }

    /// Processes the line that has just ended. Returns an event if the line completes one.
    private mutating func take() throws(TooLong) -> Event? {
        if line.isEmpty {
            guard hasData else { return nil }
            defer { (data, hasData) = ([], false) }
            return .data(data)
        }
        if let comment = value(of: ":") { return .comment(String(decoding: comment, as: UTF8.self)) }
        guard let value = value(of: "data:") else { return nil }
        guard data.count + value.count < limit else { throw TooLong(bytes: limit) }
        if hasData { data.append(0x0a) }
        data += value
        hasData = true
        return nil
    }

    /// Returns the text after a field's name, without the space after the colon; nil for another field.
    private func value(of field: String) -> ArraySlice<UInt8>? {
        guard line.starts(with: field.utf8) else { return nil }
        let value = line.dropFirst(field.utf8.count)
        return value.first == 0x20 ? value.dropFirst() : value
    }
}
