import ShimmyCore

/// The states of a grammar as far as anybody has come to them: a machine with a stack, made deterministic while it runs.
///
/// A state is the set of all places where the text may stand, each a node of the program and a stack of places to return to. States, stacks
/// and steps between states are kept, so that what was worked out once is looked up from then on.
///
/// `@unchecked Sendable`: used behind the lock of `CompiledGrammar.Tables` only.
final class GrammarStates: @unchecked Sendable {
    typealias State = Int32

    static let dead: State = -2
    private static let unknown: State = -1
    /// Places in one state; what is more ambiguous allows nothing any more.
    private static let maximumPlaces = 1024

    /// Where the text goes on when a part of it has ended.
    struct Frame: Hashable {
        /// The node to return to; for a repetition its body, which may begin again.
        var node: Int32
        /// How often a repetition must and may begin again; -1 for what is no repetition.
        var least: Int32
        var most: Int32
        var parent: Int32
    }

    private struct Places: Hashable {
        /// Node and stack of each place, sorted.
        var places: [UInt64]
        var isEnd: Bool
    }

    let program: GrammarProgram
    /// Bytes of the longest token: a repetition that may go on for longer than that looks endless to any token.
    private let horizon: Int32
    private var frames: [Frame] = []
    private var frameIndex: [Frame: Int32] = [:]
    /// Whether a stack has counts beyond the horizon.
    private var isFar: [Bool] = []
    private var states: [Places] = []
    private var stateIndex: [Places: State] = [:]
    /// For each state, the state after each symbol.
    private var steps: UnsafeMutableBufferPointer<State>
    private var nearStates: [State: State] = [:]
    private var masks: [State: TokenMask] = [:]
    private var forced: [State: ForcedText] = [:]
    private let symbolCount: Int

    init(program: GrammarProgram, horizon: Int) {
        self.program = program
        self.horizon = Int32(clamping: horizon + 1)
        symbolCount = program.symbolCount
        steps = .allocate(capacity: 64 * symbolCount)
        start = Self.dead
        frames.append(Frame(node: -1, least: -1, most: -1, parent: -1))  // the empty stack
        isFar.append(false)
        var first = PlaceSet()
        first.insert(Self.place(program.start, 0))
        start = state(after: first)
    }

    deinit { steps.deallocate() }

    private(set) var start: State

    /// Bytes that its tables take, roughly.
    var size: Int { states.count * (symbolCount * 4 + 160) + frames.count * 48 + masks.values.reduce(0) { $0 + $1.words.count * 8 } }

    func isEnd(_ state: State) -> Bool { state >= 0 && states[Int(state)].isEnd }

    // MARK: Steps

    func step(_ state: State, byte: UInt8) -> State { step(state, symbol: Int(program.classes[Int(byte)])) }

    func step(_ state: State, control: Int) -> State { step(state, symbol: program.representatives.count + control) }

    private func step(_ state: State, symbol: Int) -> State {
        if state < 0 { return Self.dead }
        let place = Int(state) * symbolCount + symbol
        if steps[place] != Self.unknown { return steps[place] }
        let next = findStep(state, symbol)
        steps[place] = next
        return next
    }

    private func findStep(_ state: State, _ symbol: Int) -> State {
        var reached = PlaceSet()
        let isByte = symbol < program.representatives.count
        let byte = isByte ? program.representatives[symbol] : 0
        let control = Int32(symbol - program.representatives.count)
        for place in states[Int(state)].places {
            let index = Int(place >> 32)
            if isByte {
                program.nodes[index].edges.withUnsafeBufferPointer { edges in
                    for edge in edges where edge.low <= byte && byte <= edge.high {
                        reached.insert(Self.place(edge.target, Int32(truncatingIfNeeded: place)))
                    }
                }
            } else {
                for edge in program.nodes[index].controls where edge.control == control {
                    reached.insert(Self.place(edge.target, Int32(truncatingIfNeeded: place)))
                }
            }
        }
        return reached.places.isEmpty ? Self.dead : self.state(after: reached)
    }

    private static func place(_ node: Int32, _ stack: Int32) -> UInt64 { UInt64(UInt32(bitPattern: node)) << 32 | UInt64(UInt32(bitPattern: stack)) }

    /// The state of a text that has come to these places: calls are made and ended rules are left until something has to be read.
    private func state(after reached: PlaceSet) -> State {
        var seen = reached
        var places: [UInt64] = []
        var isEnd = false
        var index = 0
        // What is found goes to the end of the set and is looked at in its turn.
        while index < seen.places.count {
            let place = seen.places[index]
            index += 1
            if seen.places.count > 16 * Self.maximumPlaces { return Self.dead }
            let stack = Int32(truncatingIfNeeded: place)
            let node = Int(place >> 32)
            if program.nodes[node].reads { places.append(place) }
            for call in program.nodes[node].calls {
                let back =
                    program.nodes[Int(call.returnsTo)].isOnlyEnd
                    ? stack : push(Frame(node: call.returnsTo, least: -1, most: -1, parent: stack))
                if call.least == 1, call.most == 1 {
                    seen.insert(Self.place(call.body, back))
                } else {
                    if call.least == 0 { seen.insert(Self.place(call.returnsTo, stack)) }
                    begin(Frame(node: call.body, least: call.least, most: call.most, parent: back), &seen)
                }
            }
            guard program.nodes[node].isEnd else { continue }
            if stack == 0 || leave(frames[Int(stack)], &seen) { isEnd = true }
        }
        if places.isEmpty && !isEnd || places.count > Self.maximumPlaces { return Self.dead }
        places.sort()
        return intern(Places(places: places, isEnd: isEnd))
    }

    /// A repetition's body begins, once more or for the first time.
    private func begin(_ frame: Frame, _ seen: inout PlaceSet) {
        guard frame.most > 0 else { return }
        let most = frame.most == GrammarProgram.endless ? frame.most : frame.most - 1
        seen.insert(Self.place(frame.node, push(Frame(node: frame.node, least: max(0, frame.least - 1), most: most, parent: frame.parent))))
    }

    /// What the frame stands for has ended; returns whether the whole text may end with it.
    private func leave(_ frame: Frame, _ seen: inout PlaceSet) -> Bool {
        if frame.least < 0 {
            seen.insert(Self.place(frame.node, frame.parent))
            return false
        }
        begin(frame, &seen)
        guard frame.least == 0 else { return false }
        return frame.parent == 0 || leave(frames[Int(frame.parent)], &seen)
    }

    // MARK: Tables

    private func push(_ frame: Frame) -> Int32 {
        if let known = frameIndex[frame] { return known }
        let index = Int32(frames.count)
        frames.append(frame)
        frameIndex[frame] = index
        let isBeyond = frame.least > horizon || (frame.most > horizon && frame.most != GrammarProgram.endless)
        isFar.append(isBeyond || isFar[Int(frame.parent)])
        return index
    }

    private func intern(_ places: Places) -> State {
        if let known = stateIndex[places] { return known }
        let state = State(states.count)
        states.append(places)
        stateIndex[places] = state
        if states.count * symbolCount > steps.count {
            let larger = UnsafeMutableBufferPointer<State>.allocate(capacity: steps.count * 2)
            _ = larger.moveInitialize(fromContentsOf: steps[..<(Int(state) * symbolCount)])
            steps.deallocate()
            steps = larger
        }
        for place in Int(state) * symbolCount..<(Int(state) + 1) * symbolCount { steps.initializeElement(at: place, to: Self.unknown) }
        return state
    }

    /// The state with all counts that no token can exhaust cut to the horizon: it allows the same tokens.
    private func near(_ state: State) -> State {
        if state < 0 || !states[Int(state)].places.contains(where: { isFar[Int(Int32(truncatingIfNeeded: $0))] }) { return state }
        if let known = nearStates[state] { return known }
        let source = states[Int(state)]
        let places = Set(source.places.map { Self.place(Int32($0 >> 32), nearStack(Int32(truncatingIfNeeded: $0))) })
        let result = intern(Places(places: places.sorted(), isEnd: source.isEnd))
        nearStates[state] = result
        return result
    }

    private func nearStack(_ stack: Int32) -> Int32 {
        guard isFar[Int(stack)] else { return stack }
        var frame = frames[Int(stack)]
        frame.least = min(frame.least, horizon)
        if frame.most != GrammarProgram.endless { frame.most = min(frame.most, horizon) }
        frame.parent = nearStack(frame.parent)
        return push(frame)
    }

    /// The same state among another one's tables.
    func moved(_ state: State, to other: GrammarStates) -> State {
        if state < 0 { return state }
        let source = states[Int(state)]
        let places = source.places.map { Self.place(Int32($0 >> 32), movedStack(Int32(truncatingIfNeeded: $0), to: other)) }
        return other.intern(Places(places: places.sorted(), isEnd: source.isEnd))
    }

    private func movedStack(_ stack: Int32, to other: GrammarStates) -> Int32 {
        if stack == 0 { return 0 }
        var frame = frames[Int(stack)]
        frame.parent = movedStack(frame.parent, to: other)
        return other.push(frame)
    }

    // MARK: Masks

    /// The tokens that may come next, an end among them where the text may end.
    func mask(_ state: State, _ trie: TokenTrie) -> TokenMask {
        let state = near(state)
        if let known = masks[state] { return known }
        var words = [UInt64](repeating: 0, count: (trie.tokenCount + 63) / 64)
        func allow(_ token: Token) { words[Int(token) / 64] |= 1 << (UInt64(token) % 64) }
        if state >= 0 {
            walk(trie, from: state, &words)
            for (index, text) in program.controls.enumerated() where step(state, control: index) >= 0 {
                if let token = trie.controls[text] { allow(token) }
            }
            if isEnd(state) { trie.ends.forEach(allow) }
        }
        let mask = TokenMask(words: words)
        masks[state] = mask
        return mask
    }

    /// The bytes after which a state is the same.
    private func bytesThatStay(_ state: State) -> TokenTrie.ByteSet {
        var set = TokenTrie.ByteSet.zero
        for byte in 0..<256 where step(state, byte: UInt8(byte)) == state { set[byte / 64] |= 1 << (UInt64(byte) % 64) }
        return set
    }

    private func walk(_ trie: TokenTrie, from start: State, _ words: inout [UInt64]) {
        var path = [State](repeating: start, count: trie.longest + 1)
        let staying = bytesThatStay(start)
        var index = 0
        var token = 0
        trie.nodes.withUnsafeBufferPointer { nodes in
            path.withUnsafeMutableBufferPointer { path in
                while index < nodes.count {
                    let node = nodes[index]
                    let place = Int(path[Int(node.depth) - 1]) * symbolCount + Int(program.classes[Int(node.byte)])
                    var next = steps[place]
                    if next == Self.unknown {
                        next = findStep(path[Int(node.depth) - 1], Int(program.classes[Int(node.byte)]))
                        steps[place] = next
                    }
                    if next < 0 {
                        index = Int(node.end)
                        token = Int(nodes[index - 1].tokensEnd)
                        continue
                    }
                    // Within a text of any characters most tokens lead nowhere else: a whole branch is allowed at once.
                    if next == start, node.byteSet >= 0, trie.byteSets[Int(node.byteSet)] & ~staying == .zero {
                        index = Int(node.end)
                        let last = Int(nodes[index - 1].tokensEnd)
                        while token < last {
                            let allowed = Int(trie.tokens[token])
                            words[allowed / 64] |= 1 << (UInt64(allowed) % 64)
                            token += 1
                        }
                        continue
                    }
                    path[Int(node.depth)] = next
                    while token < Int(node.tokensEnd) {
                        let allowed = Int(trie.tokens[token])
                        words[allowed / 64] |= 1 << (UInt64(allowed) % 64)
                        token += 1
                    }
                    index += 1
                }
            }
        }
    }

    // MARK: Forced text

    /// What has to come next, whatever is preferred.
    func forcedText(_ state: State) -> ForcedText {
        if state < 0 { return ForcedText() }
        if let known = forced[state] { return known }
        var text = ForcedText()
        var place = state
        while place >= 0, text.bytes.count < ForcedText.longest, !isEnd(place), let byte = onlyByte(place) {
            text.bytes.append(byte)
            place = step(place, byte: byte)
        }
        text.ends = place >= 0 && isEnd(place) && states[Int(place)].places.isEmpty
        forced[state] = text
        return text
    }

    /// The one byte that can come next, if there is just one and no control token.
    private func onlyByte(_ state: State) -> UInt8? {
        var found: UInt8?
        for place in states[Int(state)].places {
            let node = program.nodes[Int(place >> 32)]
            if !node.controls.isEmpty { return nil }
            for edge in node.edges {
                if edge.low != edge.high || edge.low != found ?? edge.low { return nil }
                found = edge.low
            }
        }
        return found
    }
}

/// Places without repetitions, in the order in which they came. Mostly a handful, for which hashing does not pay.
private struct PlaceSet {
    private(set) var places: [UInt64] = []
    private var hashed: Set<UInt64> = []

    mutating func insert(_ place: UInt64) {
        if hashed.isEmpty {
            if places.contains(place) { return }
            places.append(place)
            if places.count > 24 { hashed = Set(places) }
        } else if hashed.insert(place).inserted {
            places.append(place)
        }
    }
}

/// Text that a grammar forces.
package struct ForcedText: Hashable, Sendable {
    static let longest = 256

    package var bytes: [UInt8] = []
    /// Whether the whole text ends after them.
    package var ends = false

    package init(bytes: [UInt8] = [], ends: Bool = false) {
        self.bytes = bytes
        self.ends = ends
    }
}
