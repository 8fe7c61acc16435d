import Foundation
import Logging
import ShimmyJSON

/// The fields of a log line. Clients choose the text of some values, so that all values are bounded.
enum LogFields {
    /// The max bytes of a value, enough for error messages.
    private static let longestValue = 2000

    /// The fields that come first in a line, in this order. All others follow in the order of their names.
    private static let first = [
        "method", "path", "status", "api", "owner", "key", "model", "stream", "prompt_tokens", "cached_tokens", "completion_tokens", "queue_ms",
        "first_ms", "total_ms", "end",
    ]
    private static let ranks = Dictionary(uniqueKeysWithValues: first.enumerated().map { ($1, $0) })

    /// Returns the fields of an event with those of its logger, in the order of a line.
    static func all(_ event: LogEvent, _ metadata: Logger.Metadata) -> [(key: String, value: Logger.MetadataValue)] {
        let merged = event.metadata.map { metadata.merging($0) { $1 } } ?? metadata
        return merged.sorted { one, other in
            let (rank, otherRank) = (ranks[one.key] ?? first.count, ranks[other.key] ?? first.count)
            return (rank, one.key) < (otherRank, other.key)
        }
    }

    /// Returns a value as JSON: numbers as numbers.
    static func json(_ value: Logger.MetadataValue) -> JSON {
        if case .stringConvertible(let value) = value {
            switch value {
            case let number as Int: return .int(number)
            case let number as Double where number.isFinite: return .double(number)
            case let flag as Bool: return .bool(flag)
            default: break
            }
        }
        return .string(bounded("\(value)"))
    }

    /// Returns a value in one word: as it is, or in quotation marks if it contains other characters than those of numbers, names and paths.
    static func text(_ value: Logger.MetadataValue) -> String {
        let text = bounded("\(value)")
        return !text.isEmpty && text.unicodeScalars.allSatisfy(isPlain) ? text : JSON.string(escaped(text)).text
    }

    /// Returns a message without characters that would end the line or change the terminal.
    static func message(_ text: String) -> String { escaped(bounded(text)) }

    private static func bounded(_ text: String) -> String {
        // A character has no max length, so the bytes are counted.
        text.utf8.count <= longestValue ? text : String(decoding: text.utf8.prefix(longestValue), as: UTF8.self) + "…"
    }

    private static func isPlain(_ scalar: Unicode.Scalar) -> Bool {
        scalar.value > 0x20 && scalar.value < 0x7f && scalar != "\"" && scalar != "\\" && scalar != "="
    }

    /// Replaces invisible characters, which could hide or reorder parts of the line.
    private static func escaped(_ text: String) -> String {
        guard text.unicodeScalars.contains(where: isInvisible) else { return text }
        return String(String.UnicodeScalarView(text.unicodeScalars.map { isInvisible($0) ? "\u{fffd}" : $0 }))
    }

    private static func isInvisible(_ scalar: Unicode.Scalar) -> Bool {
        switch scalar.properties.generalCategory {
        case .control, .format, .lineSeparator, .paragraphSeparator: scalar != "\n" && scalar != "\t"
        default: false
        }
    }
}
