import ShimmyJSON

/// The result of one check of `shimmy doctor`.
struct Finding {
    enum Level: String {
        case fine = "ok"
        /// Something works worse than it could, or may become a problem.
        case warning
        /// Something does not work.
        case problem
    }

    /// The subject of the check in one word.
    let subject: String
    let level: Level
    let text: String
    /// The action for the user; nil if there is nothing to do.
    let advice: String?

    static func fine(_ subject: String, _ text: String) -> Finding { Finding(subject: subject, level: .fine, text: text, advice: nil) }

    static func warning(_ subject: String, _ text: String, _ advice: String) -> Finding {
        Finding(subject: subject, level: .warning, text: text, advice: advice)
    }

    static func problem(_ subject: String, _ text: String, _ advice: String) -> Finding {
        Finding(subject: subject, level: .problem, text: text, advice: advice)
    }

    var row: [String] { [level.rawValue, subject, text.replacing("\n", with: " ")] }

    var json: JSON {
        [
            "subject": .string(subject), "level": .string(level.rawValue), "text": .string(text), "advice": advice.map(JSON.string) ?? .null,
        ]
    }
}
