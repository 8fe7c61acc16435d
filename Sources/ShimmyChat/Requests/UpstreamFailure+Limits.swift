/// Reads limits from the messages of upstream servers, which have no common form.
extension UpstreamFailure {
    private static let contextCodes: Set<String> = ["context_length_exceeded", "exceed_context_size_error", "context_window_exceeded"]
    private static let contextWords = ["context length", "context window", "context size", "context limit", "prompt is too long"]
    private static let limitWords = ["max_tokens", "max_completion_tokens", "max_output_tokens"]
    /// The max number of digits of a number in a message.
    private static let mostDigits = 12
    /// The max number of numbers that are read from a message.
    private static let mostNumbers = 32

    private var isClientMistake: Bool {
        if case .refused(let status, _, _) = reason { [400, 413, 422].contains(status) } else { false }
    }

    /// Whether the upstream refused the request because prompt and answer are longer than the model's context.
    package var isContextExceeded: Bool {
        guard isClientMistake, case .refused(_, _, let code) = reason else { return false }
        if let code, Self.contextCodes.contains(code) { return true }
        let text = message.lowercased()
        return Self.contextWords.contains { text.contains($0) }
    }

    /// Whether the upstream may have refused the request because of images or recordings, for which upstreams have no common error.
    package var mayRefuseMedia: Bool {
        guard case .refused(let status, _, _) = reason, [400, 415, 422].contains(status) else { return false }
        return !isContextExceeded
    }

    /// Returns the failure as the error of a model of this server, with the sizes that the message names; nil for another failure.
    ///
    /// The prompt's size may include the requested answer. Without sizes in the message, the prompt is a quarter longer than the context.
    /// - contextLength: the model's context length, as far as it is known.
    package func contextExceeded(within contextLength: Int) -> GenerationError? {
        guard isContextExceeded else { return nil }
        let numbers = Set(numbers).sorted(by: >)
        if let largest = numbers.first, numbers.count > 1 {
            // Some messages also have the two parts of the largest number: the prompt and the requested answer.
            let others = numbers.dropFirst()
            let length = others.first { !others.contains(largest - $0) } ?? others[1]
            return .contextExceeded(prompt: largest, requested: 0, context: length)
        }
        let context = max(4, numbers.first ?? min(contextLength, 1 << 30))
        return .contextExceeded(prompt: context + context / 4, requested: 0, context: context)
    }

    /// Returns the max tokens of an answer, for a request that the upstream refused because it asks for more; nil if the message does not say it.
    /// - tokens: the max tokens that the request asks for.
    package func answerLimit(below tokens: Int) -> Int? {
        guard isClientMistake, case .refused(_, let param, _) = reason else { return nil }
        let text = message.lowercased()
        let limit: Int?
        if isContextExceeded {
            limit = Self.room(Set(numbers).subtracting([tokens]), tokens)
        } else if Self.limitWords.contains(where: { text.contains($0) || param == $0 }) {
            limit = numbers.filter { $0 < tokens }.max()
        } else {
            limit = nil
        }
        return limit.flatMap { (1..<max(1, tokens)).contains($0) ? $0 : nil }
    }

    /// Returns the room that the prompt leaves in the context.
    /// - others: the numbers of the message except that of the requested tokens.
    private static func room(_ others: Set<Int>, _ tokens: Int) -> Int? {
        // Some messages have the sum of prompt and answer, too.
        for prompt in others.sorted() where others.contains(prompt + tokens) {
            guard let context = others.filter({ $0 > prompt && $0 < prompt + tokens }).max() else { continue }
            return context - prompt
        }
        guard others.count == 2, let prompt = others.min(), let context = others.max() else { return nil }
        return context - prompt
    }

    /// The numbers in the message.
    private var numbers: [Int] {
        let words = message.utf8.split { !(UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) }
        return words.lazy.filter { $0.count <= Self.mostDigits }.prefix(Self.mostNumbers).compactMap { Int(String(decoding: $0, as: UTF8.self)) }
    }
}
