package import NIOCore

/// A form as a multipart body. The bytes of files are not copied.
package struct FormBody: Sendable {
    /// The bytes of a piece that is sent at once.
    private static let pieceBytes = 64 << 10

    package let contentType: String
    private var parts: [ArraySlice<UInt8>] = []
    private let boundary: String

    package init() {
        // The boundary is random, so that the content of a client cannot contain it.
        let words = [UInt64.random(in: 0 ... .max), UInt64.random(in: 0 ... .max)].map { String($0, radix: 16) }
        boundary = "shimmy-" + words.joined(separator: "-")
        contentType = "multipart/form-data; boundary=\(boundary)"
    }

    /// The number of bytes, with the end.
    package var count: Int { parts.reduce(end.count) { $0 + $1.count } }

    /// All bytes, with the end.
    package var bytes: [UInt8] { Array(parts.joined()) + end }

    package mutating func append(name: String, fileName: String? = nil, contentType: String? = nil, content: ArraySlice<UInt8>) {
        var head = Array("\(parts.isEmpty ? "" : "\r\n")--\(boundary)\r\nContent-Disposition: form-data; name=\"".utf8)
        head += Self.escaped(name)
        if let fileName { head += Array("\"; filename=\"".utf8) + Self.escaped(fileName) }
        head += Array("\"".utf8)
        if let contentType { head += Array("\r\nContent-Type: \(contentType)".utf8) }
        head += Array("\r\n\r\n".utf8)
        parts.append(head[...])
        parts.append(content)
    }

    private var end: [UInt8] { Array("\(parts.isEmpty ? "" : "\r\n")--\(boundary)--\r\n".utf8) }

    /// Returns the bytes of a name within quotes, by the rules of the HTML standard.
    private static func escaped(_ name: String) -> [UInt8] {
        var bytes: [UInt8] = []
        for byte in name.utf8 {
            switch byte {
            case 0x22: bytes += Array("%22".utf8)
            case 0x0A: bytes += Array("%0A".utf8)
            case 0x0D: bytes += Array("%0D".utf8)
            default: bytes.append(byte)
            }
        }
        return bytes
    }
}

// The body goes out in pieces.
extension FormBody: AsyncSequence {
    package struct Iterator: AsyncIteratorProtocol {
        fileprivate var parts: ArraySlice<ArraySlice<UInt8>>

        package mutating func next() async -> ByteBuffer? {
            while let part = parts.first {
                if part.isEmpty {
                    parts.removeFirst()
                    continue
                }
                parts[parts.startIndex] = part.dropFirst(FormBody.pieceBytes)
                return ByteBuffer(bytes: part.prefix(FormBody.pieceBytes))
            }
            return nil
        }
    }

    package func makeAsyncIterator() -> Iterator { Iterator(parts: (parts + [end[...]])[...]) }
}
