/// A part of a message's content. At present every part is text: request decoders refuse media, or replace them with a text.
package enum ContentPart: Sendable, Equatable, ExpressibleByStringInterpolation {
    case text(String)

    package init(stringLiteral text: String) { self = .text(text) }

    /// The text; nil for a part of another kind.
    package var text: String? {
        switch self {
        case .text(let text): text
        }
    }
}
