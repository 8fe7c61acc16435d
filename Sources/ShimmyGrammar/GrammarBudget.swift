package import ShimmyCore

/// The limits on the cost of compiling one schema or grammar.
package struct GrammarBudget: Sendable {
    package let limits: InputLimits
    private let work: WorkBudget

    /// - work: the time limit; nil for `limits.compileSeconds` of this thread's processor time from now on, within the work of this thread.
    package init(limits: InputLimits = .standard, work: WorkBudget? = nil, clock: WorkClock = .system) {
        self.limits = limits
        self.work = work ?? WorkBudget(seconds: limits.compileSeconds, of: .processor, within: .current, clock: clock)
    }

    /// Throws when the time is used up or the work was cancelled.
    func check() throws(GrammarTextError) {
        do {
            try work.check()
        } catch {
            switch error {
            case .tooLong:
                // The time of the request, which includes other work, can end first.
                let limit =
                    work.isOver
                    ? "\(work.seconds ?? limits.compileSeconds) s of processor time (limit compileSeconds)"
                    : "the time that remains for the request (limit prepareSeconds)"
                throw GrammarTextError("compiling takes longer than \(limit)", isLimit: true)
            case .cancelled: throw GrammarTextError("compiling was cancelled", isLimit: true)
            }
        }
    }

    /// Throws when `states` exceeds the limit.
    func check(states: Int) throws(GrammarTextError) {
        // `GrammarStates` stores a node in 20 bits.
        if states > min(limits.grammarStates, 1 << 20 - 1) {
            throw GrammarTextError("it needs more than \(limits.grammarStates) states (limit grammarStates)", isLimit: true)
        }
    }

    /// Throws when `memory`, in bytes, exceeds the limit.
    func check(memory: Int) throws(GrammarTextError) {
        if memory > limits.grammarMemory {
            throw GrammarTextError("it needs more than \(limits.grammarMemory >> 20) MiB of memory (limit grammarMemory)", isLimit: true)
        }
    }

    /// Throws when the text has more bytes than the limit.
    func check(text: String) throws(GrammarTextError) {
        if text.utf8.count > limits.grammarBytes {
            throw GrammarTextError("it has more than \(limits.grammarBytes) bytes (limit grammarBytes)", isLimit: true)
        }
    }
}
