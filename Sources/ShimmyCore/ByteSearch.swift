/// A search for a text in other texts by its bytes. It takes time proportional to the lengths of both, even if the text repeats itself, because
/// clients choose them. (`String.contains` takes their product: seconds for a prompt of 150 KB.)
///
/// The algorithm is that of Knuth, Morris and Pratt.
package struct ByteSearch: Sendable {
    private let part: [UInt8]
    /// For each prefix of `part`, the length of the longest shorter prefix that is also its suffix.
    private let borders: [Int]

    package init(_ part: some StringProtocol) {
        let bytes = Array(part.utf8)
        var borders = [Int](repeating: 0, count: bytes.count)
        var length = 0
        for index in bytes.indices.dropFirst() {
            while length > 0, bytes[index] != bytes[length] { length = borders[length - 1] }
            if bytes[index] == bytes[length] { length += 1 }
            borders[index] = length
        }
        self.part = bytes
        self.borders = borders
    }

    /// Whether `text` contains the part. Every text contains the empty one.
    package func isFound(in text: String) -> Bool { part.isEmpty || !ends(in: text.utf8, most: 1).isEmpty }

    /// Returns the indices in `bytes` at which occurrences of the part end, at most `most` of them. They do not overlap. The part must not be empty.
    package func ends(in bytes: some Sequence<UInt8>, most: Int) -> [Int] {
        var ends: [Int] = []
        var length = 0
        for (index, byte) in bytes.enumerated() {
            while length > 0, byte != part[length] { length = borders[length - 1] }
            if byte == part[length] { length += 1 }
            guard length == part.count else { continue }
            ends.append(index + 1)
            if ends.count == most { break }
            length = 0
        }
        return ends
    }
}
