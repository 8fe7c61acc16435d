package import ShimmyCore

/// What compiling one schema or grammar may cost.
package struct GrammarBudget: Sendable {
    package let limits: InputLimits
    private let work: WorkBudget

    /// - work: bounds the time; without one, `limits.compileSeconds` from now on.
    package init(limits: InputLimits = .standard, work: WorkBudget? = nil) {
        self.limits = limits
        self.work = work ?? WorkBudget(seconds: limits.compileSeconds)
    }

    /// Throws when the time is used up or the work was cancelled.
    func check() throws(GrammarTextError) {
        do {
            try work.check()
        } catch {
            switch error {
            case .tooLong(let seconds): throw GrammarTextError("compiling takes longer than \(seconds) s (limit compileSeconds)", isLimit: true)
            case .cancelled: throw GrammarTextError("compiling was cancelled", isLimit: true)
            }
        }
    }

    /// Throws when a number of states exceeds the limit.
    func check(states: Int) throws(GrammarTextError) {
        // Nodes have 20 bits in `GrammarStates`.
        if states > min(limits.grammarStates, 1 << 20 - 1) {
            throw GrammarTextError("it needs more than \(limits.grammarStates) states (limit grammarStates)", isLimit: true)
        }
    }

    /// Throws when a number of bytes exceeds the limit.
    func check(memory: Int) throws(GrammarTextError) {
        if memory > limits.grammarMemory {
            throw GrammarTextError("it needs more than \(limits.grammarMemory >> 20) MiB of memory (limit grammarMemory)", isLimit: true)
        }
    }

    /// Throws when a text is longer than the limit.
    func check(text: String) throws(GrammarTextError) {
        if text.utf8.count > limits.grammarBytes {
            throw GrammarTextError("it has more than \(limits.grammarBytes) bytes (limit grammarBytes)", isLimit: true)
        }
    }
}
