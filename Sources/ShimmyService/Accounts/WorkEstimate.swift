import ShimmyChat
import ShimmyCore

/// The tokens that a request will probably use. They are reserved until the real numbers are known.
struct WorkEstimate: Sendable, Equatable {
    /// The tokens of the prompt.
    var input = 0
    /// The max tokens of each answer.
    var output = 0
    var answers = 1

    /// The tokens of an answer whose request sets no limit.
    static let unlimitedOutput = 1024
    /// A limit above this number means that the client wants no limit.
    private static let highestLimit = 1 << 17

    /// An estimate for work that only renders a prompt or counts its tokens, which counts as a request alone.
    static let nothing = WorkEstimate(input: 0, output: 0)

    /// - bytes: the size of the request's body.
    /// - output: the request's max tokens of each answer; nil for no limit.
    init(bytes: Int, output: Int?, answers: Int = 1) {
        // Four bytes of a text are about a token.
        input = max(1, bytes / 4)
        self.output = output.flatMap { $0 > Self.highestLimit ? nil : max(0, $0) } ?? Self.unlimitedOutput
        self.answers = max(1, answers)
    }

    private init(input: Int, output: Int) {
        self.input = input
        self.output = output
    }

    /// The tokens without which the work cannot begin: the prompt, and one token of each answer.
    var least: Int { input.saturated(adding: min(output, 1).saturated(multipliedBy: answers)) }

    var tokens: Int { input.saturated(adding: output.saturated(multipliedBy: answers)) }

    /// Returns the max tokens of each answer for a reservation that is smaller than the estimate; nil if the reservation suffices.
    func outputLimit(granted: Int) -> Int? {
        guard granted < tokens, output > 0 else { return nil }
        return max(1, (granted - input) / answers)
    }
}
