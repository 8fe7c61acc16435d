import Foundation
import ShimmyCore

/// An image for a message, read from a file.
package struct ImageFile: Sendable, Equatable {
    package struct Refusal: Error, Equatable, CustomStringConvertible {
        package let description: String

        package init(description: String) { self.description = description }
    }

    /// The image as a `data:` URL.
    package let address: String

    private static let largestFile = 16 << 20

    /// The kinds of images that models read, by the bytes at the start of a file.
    private static let kinds: [(type: String, start: [UInt8])] = [
        ("image/png", [0x89, 0x50, 0x4E, 0x47, 0x0D, 0x0A, 0x1A, 0x0A]), ("image/jpeg", [0xFF, 0xD8, 0xFF]), ("image/gif", Array("GIF8".utf8)),
    ]

    /// Reads a file.
    package init(file: String) throws(Refusal) {
        guard let bytes = RegularFile.read(file, limit: Self.largestFile) else {
            throw Refusal(description: "\(file) cannot be read, or has more than \(Self.largestFile) bytes")
        }
        guard let type = Self.mediaType(bytes) else { throw Refusal(description: "\(file) is not a PNG, JPEG, GIF or WebP image") }
        address = "data:\(type);base64,\(Data(bytes).base64EncodedString())"
    }

    /// Returns the media type; nil if the bytes are not an image of a known kind.
    private static func mediaType(_ bytes: [UInt8]) -> String? {
        if bytes.starts(with: Array("RIFF".utf8)), bytes.dropFirst(8).starts(with: Array("WEBP".utf8)) { return "image/webp" }
        return kinds.first { bytes.starts(with: $0.start) }?.type
    }
}
