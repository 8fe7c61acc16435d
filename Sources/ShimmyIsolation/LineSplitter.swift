/// Divides a stream of bytes into lines. Of a line above the limit, only the beginning is kept.
package struct LineSplitter: Sendable {
    private var line: [UInt8] = []
    private let longest: Int

    package init(longest: Int) { self.longest = longest }

    /// Returns the lines that end in the next bytes, without their line breaks and without empty lines.
    package mutating func take(_ bytes: ArraySlice<UInt8>) -> [[UInt8]] {
        var lines: [[UInt8]] = []
        var rest = bytes
        while let end = rest.firstIndex(of: UInt8(ascii: "\n")) {
            append(rest[..<end])
            if !line.isEmpty { lines.append(line) }
            line = []
            rest = rest[(end + 1)...]
        }
        append(rest)
        return lines
    }

    /// The bytes after the last line break; nil if there are none.
    package var rest: [UInt8]? { line.isEmpty ? nil : line }

    private mutating func append(_ bytes: ArraySlice<UInt8>) { line += bytes.prefix(max(0, longest - line.count)) }
}
