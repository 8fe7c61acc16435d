import Foundation

/// The opaque text of `encrypted_content`: reasoning, or the summary of a compacted conversation, which the client receives and sends back. The
/// encoding marks the text as opaque. It does not keep the text secret from the client, which may read the reasoning of this server's models.
package enum SealedText {
    private static let mark = "shimmy1."

    package static func seal(_ text: String) -> String { mark + Data(text.utf8).base64EncodedString() }

    /// Returns the text; nil if another server made `sealed`.
    package static func open(_ sealed: String) -> String? {
        guard sealed.hasPrefix(mark), let bytes = Data(base64Encoded: String(sealed.dropFirst(mark.count))) else { return nil }
        return String(validating: bytes, as: UTF8.self)
    }
}
