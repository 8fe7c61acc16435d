import ShimmyChat
import ShimmyCore
import ShimmyJSON

/// One question of a request for decisions, and its possible answers.
struct DecisionQuestion: Sendable, Equatable {
    enum Kind: String, Sendable, CaseIterable {
        /// Whether a statement is true. The answers are true and false.
        case predicate
        /// One of several values.
        case choice
        /// One of several levels, from the lowest to the highest.
        case score
    }

    struct Option: Sendable, Equatable {
        /// A string or a boolean.
        let value: JSON
        /// The answer of the model that means the value.
        var label: String
        let description: String?

        /// - value: a string or a boolean.
        init(_ value: JSON, description: String? = nil) {
            self.value = value
            self.description = description
            label = value.stringValue ?? value.text
        }
    }

    let kind: Kind
    let name: String?
    let instructions: String
    let options: [Option]
    /// The path of the question in the request, and those of its options, for errors.
    let path: JSONPath
    let optionPaths: [JSONPath]

    /// Creates a question. If a string and a boolean have the same text, the labels of all strings are in quotation marks.
    init(_ kind: Kind, name: String?, instructions: String, options: [Option], path: JSONPath, optionPaths: [JSONPath] = []) {
        self.kind = kind
        self.name = name
        self.instructions = instructions
        self.path = path
        self.optionPaths = optionPaths
        let booleans = Set(options.filter { $0.value.boolValue != nil }.map(\.label))
        let isAmbiguous = options.contains { $0.value.stringValue != nil && booleans.contains($0.label) }
        self.options = options.map { option in
            guard isAmbiguous, option.value.stringValue != nil else { return option }
            var option = option
            option.label = option.value.text
            return option
        }
    }

    static func == (left: DecisionQuestion, right: DecisionQuestion) -> Bool {
        left.kind == right.kind && left.name == right.name && left.instructions == right.instructions && left.options == right.options
    }

    /// The question as the model reads it, after the input.
    var question: DecisionRequest.Question { DecisionRequest.Question(text: text, labels: options.map(\.label)) }

    private var text: String {
        let described = options.map { option in "- \(option.label)" + (option.description.map { ": \($0)" } ?? "") }.joined(separator: "\n")
        switch kind {
        case .predicate:
            let criteria = options.contains { $0.description != nil } ? "\n\(described)" : ""
            return "Statement: \(instructions)\nIs the statement true?\(criteria)\nReply with exactly one word, true or false."
        case .choice:
            return "Question: \(instructions)\nAnswers:\n\(described)\nReply with exactly one of these answers and nothing else."
        case .score:
            return "Question: \(instructions)\nLevels, from the lowest to the highest:\n\(described)\n"
                + "Reply with exactly one of these levels and nothing else."
        }
    }

    /// Returns the path of an option; that of the question for nil.
    func path(ofOption index: Int?) -> JSONPath {
        guard let index, optionPaths.indices.contains(index) else { return path }
        return optionPaths[index]
    }

    /// Throws a 400 for options that no answer can mean, or that mean the same.
    /// - place: the path of the list of options.
    static func check(_ options: [Option], _ paths: [JSONPath], at place: JSONPath, most: Int) throws(APIError) {
        if options.count < 2 {
            throw APIError(
                status: 400, message: "Invalid '\(place)': a question needs at least 2 possible answers, but has \(options.count).",
                param: "\(place)", code: "invalid_value")
        }
        if options.count > most { throw .arrayTooLong(place, maximum: most, got: options.count) }
        var known: Set<[UInt8]> = []
        for (option, path) in zip(options, paths) {
            let size = option.label.utf8.count
            if size == 0 { throw unusable(path, "it must not be empty") }
            if size > InputLimits.standard.labelBytes { throw .stringTooLong(path, maximum: InputLimits.standard.labelBytes, got: size) }
            guard known.insert(Array(option.value.text.utf8)).inserted else { throw unusable(path, "each possible answer must be unique") }
        }
    }

    private static func unusable(_ path: JSONPath, _ reason: String) -> APIError {
        APIError(status: 400, message: "Invalid '\(path)': \(reason).", param: "\(path)", code: "invalid_value")
    }
}
