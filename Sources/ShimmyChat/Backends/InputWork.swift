package import ShimmyCore
import ShimmyJSON

/// Runs work on client texts (rendering, tokenizing, compiling) on the worker pool.
package enum InputWork {
    /// The maximum size of a text for the quick lane, in bytes.
    private static let quickBytes = 256 << 10

    package static func lane(bytes: Int) -> WorkerPool.Lane { bytes > quickBytes ? .slow : .quick }

    /// Runs `body` on a lane of the worker pool.
    /// Throws the errors of `body`, `GenerationError.beyondLimit` if the work of the request, or this work alone outside of a request, takes longer
    /// than `InputLimits.prepareSeconds`, and `CancellationError`.
    package static func run<Value: Sendable>(
        _ lane: WorkerPool.Lane, _ body: @escaping @Sendable (WorkBudget) throws -> Value
    ) async throws -> Value {
        let allowance = WorkAllowance.current ?? WorkAllowance()
        do {
            return try await WorkerPool.input.run(lane, seconds: allowance.remaining) { budget in
                try allowance.spend { try body(budget) }
            }
        } catch WorkStopped.tooLong {
            throw GenerationError.beyondLimit("takes longer to prepare than the limit of \(Int(allowance.seconds)) s")
        }
    }
}

extension Vocabulary {
    /// Throws if `text` cannot be tokenized within the limits.
    func checkLength(of text: String) throws(GenerationError) {
        if let limit = unbrokenLimit(exceededBy: text) {
            throw .beyondLimit("has a run of more than \(limit) characters without a break, which this model's tokenizer does not support")
        }
    }

    /// Returns the minimum number of tokens of a text with this many bytes; 0 if it is unknown.
    func fewestTokens(bytes: Int) -> Int { longestToken.map { bytes / max(1, $0) } ?? 0 }
}

extension Conversation {
    /// The kinds of the media in the messages.
    package var mediaKinds: MediaKinds { MediaKinds(messages.flatMap(\.media).map(\.kind)) }

    /// The approximate number of bytes of all texts. Media counts as a text with about as many tokens.
    package var bytes: Int {
        func size(_ json: JSON) -> Int {
            switch json {
            case .string(let text): text.utf8.count + 2
            case .array(let values): values.reduce(2) { $0 + size($1) }
            case .object(let object): object.reduce(2) { $0 + $1.key.utf8.count + size($1.value) }
            default: 8
            }
        }
        let messages = messages.reduce(0) { sum, message in
            let content = (message.content ?? []).reduce((message.reasoning ?? "").utf8.count) { $0 + $1.estimatedBytes }
            return sum + content + (message.toolCalls.map(size) ?? 0)
        }
        let tools = tools.reduce(0) { sum, tool in
            let grammar = tool.inputGrammar?.rules.utf8.count ?? 0
            return sum + grammar + (tool.description ?? "").utf8.count + (tool.parameters.map(size) ?? 0)
        }
        return messages + tools + (responseSchema.map(size) ?? 0) + size(.object(templateArguments))
    }

    /// The number of bytes that every template writes into the prompt. Excludes earlier answers and their reasoning, because templates may shorten
    /// them.
    var certainBytes: Int {
        messages.reduce(0) { sum, message in
            message.role == .assistant ? sum : message.texts.reduce(sum) { $0 + $1.utf8.count }
        }
    }
}
