// The path of a value in a JSON document, for error messages.

/// The path from the root to a value, printed as OpenAI prints it: `messages[0].content[1].text`. The root prints as an empty text.
///
/// A path is a linked list that shares its prefix with the path that it was made from. Decoders make a path for every value that they visit and
/// rarely print it, so a step is cheap, and the text is made only when needed.
package struct JSONPath: Sendable {
    private indirect enum Step: Sendable {
        case key(String, after: Step?)
        case index(Int, after: Step?)
    }

    private var last: Step?

    package static let root = JSONPath()

    package static func key(_ key: String) -> JSONPath { root.key(key) }
    package static func index(_ index: Int) -> JSONPath { root.index(index) }

    package func key(_ key: String) -> JSONPath {
        JSONPath(last: .key(key, after: last))
    }

    package func index(_ index: Int) -> JSONPath {
        JSONPath(last: .index(index, after: last))
    }
}

extension JSONPath: CustomStringConvertible {
    package var description: String {
        var parts: [String] = []
        var step = last
        while let current = step {
            switch current {
            case .key(let key, let before):
                parts.append(before == nil ? key : ".\(key)")
                step = before
            case .index(let index, let before):
                parts.append("[\(index)]")
                step = before
            }
        }
        return parts.reversed().joined()
    }
}
