package import ShimmyCore
import Synchronization

/// A grammar over a vocabulary. What is worked out while it is used is shared by all texts that are held to it.
package final class CompiledGrammar: Sendable {
    /// Bytes of states after which texts begin with new tables.
    private static let maximumSize = 12 << 20

    let trie: TokenTrie
    private let program: GrammarProgram
    private let current: Mutex<Tables>
    fileprivate let isPrepared = Atomic<Bool>(false)

    /// States behind a lock: texts of one grammar may be read by several threads.
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

    /// - text: llama.cpp's notation (GBNF), see `GBNFParser`.
    /// Throws `GrammarTextError` when it is no grammar, no text fits it, or it is too large or recurs to the left.
    package convenience init(_ text: String, trie: TokenTrie, budget: GrammarBudget = GrammarBudget()) throws(GrammarTextError) {
        try self.init(GBNFParser.parse(text, budget: budget), trie: trie, budget: budget)
    }

    init(_ grammar: Grammar, trie: TokenTrie, budget: GrammarBudget) throws(GrammarTextError) {
        self.trie = trie
        program = try ProgramBuilder.build(grammar, controls: Array(trie.controls.keys), budget: budget)
        current = Mutex(Tables(program, horizon: trie.longest))
    }

    /// Bytes of memory, roughly. It grows while the grammar is used, up to a bound.
    package var bytes: Int { program.size + current.withLock { $0 }.with(\.size) }

    /// The beginning of a text.
    package func begin() -> GrammarCursor {
        let tables = fresh()
        return GrammarCursor(grammar: self, tables: tables, state: tables.with(\.start))
    }

    /// Tables with room for more.
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

/// A place in a text that is held to a grammar.
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

    /// Whether no text that begins like this fits.
    package var isDead: Bool { state < 0 }
    /// Whether the text may end here.
    package var mayEnd: Bool { tables.with { $0.isEnd(state) } }
    /// The tokens that may come next, the ones that end a text among them where it may end.
    package var mask: TokenMask {
        while true {
            if let mask = mask(until: .now + Self.slice) { return mask }
        }
    }

    /// The mask; nil when it is not known and computing it is not finished at the deadline, about. A later call goes on.
    package func mask(until deadline: ContinuousClock.Instant) -> TokenMask? {
        tables.with { $0.mask(state, grammar.trie, until: deadline) }
    }

    /// How long the lock of the tables is held while a mask is computed: other texts may need it.
    private static let slice = Duration.milliseconds(1)

    /// Computes the masks of the states that a text comes to first, so that they need not be computed while the text is generated.
    ///
    /// Returns when the time is used up, or when so many are known. Does nothing when the grammar was prepared before.
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

    /// What has to come next.
    package var forced: ForcedText { tables.with { $0.forcedText(state) } }

    /// The text goes on with a token; false when it must not.
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

    /// The text goes on with these bytes; false when it must not.
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

    /// A long text would fill its tables for ever.
    private mutating func moveWhenFull() {
        advances += 1
        guard advances.isMultiple(of: 256), tables.with(CompiledGrammar.isFull) else { return }
        let other = grammar.fresh()
        guard other !== tables else { return }
        state = tables.moved(state, to: other)
        tables = other
    }
}
