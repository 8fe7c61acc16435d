package import ShimmyCore
import Synchronization

/// A grammar compiled for one vocabulary. All texts of the grammar share the states and masks that are computed while it is used.
package final class CompiledGrammar: Sendable {
    /// The max size of the states, in bytes, before texts begin with new tables.
    private static let maximumSize = 12 << 20

    let trie: TokenTrie
    private let program: GrammarProgram
    private let current: Mutex<Tables>
    fileprivate let isPrepared = Atomic<Bool>(false)

    /// States behind a lock, because several threads may read texts of one grammar.
    final class Tables: Sendable {
        private let states: Mutex<GrammarStates>

        init(_ program: GrammarProgram, horizon: Int) { states = Mutex(GrammarStates(program: program, horizon: horizon)) }

        func with<Result: Sendable>(_ body: (GrammarStates) -> Result) -> Result { states.withLock { body($0) } }

        func moveMasks(to other: Tables) {
            states.withLock { source in other.states.withLock { source.moveMasks(to: $0) } }
        }

        func moved(_ state: GrammarStates.State, to other: Tables) -> GrammarStates.State {
            states.withLock { source in other.states.withLock { source.moved(state, to: $0) } }
        }
    }

    /// - text: a grammar in llama.cpp's notation (GBNF), see `GBNFParser`.
    /// Throws `GrammarTextError` when the text is not a grammar, when no text fits the grammar, or when it is too large, has left recursion or is too
    /// ambiguous at its beginning.
    package convenience init(_ text: String, trie: TokenTrie, budget: GrammarBudget = GrammarBudget()) throws(GrammarTextError) {
        try self.init(GBNFParser.parse(text, budget: budget), trie: trie, budget: budget)
    }

    package convenience init(
        _ definition: GrammarDefinition, trie: TokenTrie, budget: GrammarBudget = GrammarBudget()
    ) throws(GrammarTextError) {
        try self.init(definition.grammar(budget), trie: trie, budget: budget)
    }

    init(_ grammar: Grammar, trie: TokenTrie, budget: GrammarBudget) throws(GrammarTextError) {
        self.trie = trie
        program = try ProgramBuilder.build(grammar, controls: Array(trie.controls.keys), budget: budget)
        current = Mutex(Tables(program, horizon: trie.longest))
        try begin().checkBeginning()
    }

    /// The approximate size in bytes. It grows while the grammar is used, up to a limit.
    package var bytes: Int { program.size + current.withLock { $0 }.with(\.size) }

    /// Returns a cursor at the beginning of a text.
    package func begin() -> GrammarCursor {
        let tables = fresh()
        return GrammarCursor(grammar: self, tables: tables, state: tables.with(\.start))
    }

    /// Returns tables that are not full: the current ones, or new ones with the masks of the current ones.
    func fresh() -> Tables {
        current.withLock { tables in
            if tables.with(Self.isFull) {
                let other = Tables(program, horizon: trie.longest)
                tables.moveMasks(to: other)
                tables = other
            }
            return tables
        }
    }

    static func isFull(_ states: GrammarStates) -> Bool { states.sizeOfStates > maximumSize }
}

/// A position in a text of a grammar.
package struct GrammarCursor: Sendable {
    private let grammar: CompiledGrammar
    private var tables: CompiledGrammar.Tables
    private var state: GrammarStates.State
    private var advances = 0

    init(grammar: CompiledGrammar, tables: CompiledGrammar.Tables, state: GrammarStates.State) {
        self.grammar = grammar
        self.tables = tables
        self.state = state
    }

    /// Whether no text of the grammar begins with the text so far.
    package var isDead: Bool { state < 0 }
    /// Whether the text is dead because it has more readings than the engine follows.
    package var meetsLimit: Bool { state == GrammarStates.exceeded }
    /// Whether the text may end here.
    package var mayEnd: Bool { tables.with { $0.isEnd(state) } }
    /// The tokens that may come next, including the EOG tokens where the text may end.
    package var mask: TokenMask {
        while true {
            if let mask = mask(until: .now + Self.slice) { return mask }
        }
    }

    /// Returns the mask; nil when the mask is unknown and its computation does not finish by the deadline, which is approximate. A later call
    /// continues the computation.
    package func mask(until deadline: ContinuousClock.Instant) -> TokenMask? {
        tables.with { $0.mask(state, grammar.trie, until: deadline) }
    }

    /// The max time to hold the lock of the tables while computing a mask, because other texts may need the lock.
    private static let slice = Duration.milliseconds(1)

    /// Computes the masks of the states that a text reaches first, so that generation does not have to.
    ///
    /// Returns after `seconds`, or after `masks` new masks. Does nothing when the grammar has been prepared before.
    package func prepare(seconds: Double = 0.05, masks: Int = 128) {
        guard grammar.isPrepared.exchange(true, ordering: .relaxed) == false else { return }
        let end = ContinuousClock.now + .seconds(seconds)
        var (open, seen, made) = ([state], Set([state]), 0)
        var index = 0
        while index < open.count, made < masks, open.count < 4000, ContinuousClock.now < end {
            var cursor = self
            cursor.state = open[index]
            index += 1
            if !tables.with({ $0.hasMask(cursor.state) }) { made += 1 }
            while cursor.mask(until: .now + Self.slice) == nil { if ContinuousClock.now >= end { return } }
            for symbol in 0..<tables.with(\.program.representatives.count) {
                let next = tables.with { $0.step(cursor.state, symbol: symbol) }
                if next >= 0, seen.insert(next).inserted { open.append(next) }
            }
        }
    }

    /// Throws when the first characters from here on have more readings than the engine follows.
    package func checkBeginning() throws(GrammarTextError) {
        if tables.with({ $0.meetsLimit(from: state) }) { throw .tooAmbiguous }
    }

    /// The text that must come next.
    package var forced: ForcedText { tables.with { $0.forcedText(state) } }

    /// Appends a token to the text; returns false when the grammar does not allow it.
    @discardableResult
    package mutating func advance(_ token: Token) -> Bool {
        let bytes = grammar.trie.bytes(of: token)
        if !bytes.isEmpty { return advance(bytes) }
        guard let text = grammar.trie.controls.first(where: { $0.value == token })?.key else { return fail() }
        state = tables.with { states in
            states.program.controls.firstIndex(of: text).map { states.step(state, control: $0) } ?? GrammarStates.dead
        }
        return !isDead
    }

    /// Appends bytes to the text; returns false when the grammar does not allow them.
    @discardableResult
    package mutating func advance(_ bytes: some Sequence<UInt8>) -> Bool {
        moveWhenFull()
        state = tables.with { states in bytes.reduce(state) { states.step($0, byte: $1) } }
        return !isDead
    }

    private mutating func fail() -> Bool {
        state = GrammarStates.dead
        return false
    }

    /// Moves to new tables when the current ones are full; a long text would grow its tables without limit otherwise.
    private mutating func moveWhenFull() {
        advances += 1
        guard advances.isMultiple(of: 256), tables.with(CompiledGrammar.isFull) else { return }
        let other = grammar.fresh()
        guard other !== tables else { return }
        state = tables.moved(state, to: other)
        tables = other
    }
}
