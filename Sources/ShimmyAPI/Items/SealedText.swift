import Foundation

/// The opaque text of `encrypted_content`: a thought, or the summary of a compacted conversation, on its way through a client and back.
/// It is sealed from misunderstanding, not from its owner: what a model of this machine thought is no secret of the client's.
package enum SealedText {
    private static let mark = "shimmy1."

    package static func seal(_ text: String) -> String { mark + Data(text.utf8).base64EncodedString() }

    /// Nil for what another server made.
    package static func open(_ sealed: String) -> String? {
        guard sealed.hasPrefix(mark), let bytes = Data(base64Encoded: String(sealed.dropFirst(mark.count))) else { return nil }
        return String(validating: bytes, as: UTF8.self)
    }
}
