/// A part of a message's content. Only the models of upstreams read media; the decoders of requests refuse it for others.
package enum ContentPart: Sendable, Equatable, ExpressibleByStringInterpolation {
    case text(String)
    case media(MediaPart)

    package init(stringLiteral text: String) { self = .text(text) }

    /// The text; nil for a part of another kind.
    package var text: String? {
        switch self {
        case .text(let text): text
        case .media: nil
        }
    }

    /// The image or the recording; nil for a text.
    package var media: MediaPart? {
        switch self {
        case .text: nil
        case .media(let media): media
        }
    }

    /// The bytes of the text; for media, those of a text with about as many tokens.
    package var estimatedBytes: Int {
        switch self {
        case .text(let text): text.utf8.count
        case .media(let media): media.estimatedBytes
        }
    }
}
