import ShimmyCore

/// The states of a grammar that texts have reached so far: a pushdown automaton that is made deterministic at run time.
///
/// A state is the set of all positions where the text may be: a node of the program, a stack of nodes to return to, and a counter. States, stacks
/// and steps between states are stored, so that each is computed once and looked up afterwards.
///
/// `@unchecked Sendable`: used only behind the lock of `CompiledGrammar.Tables`.
final class GrammarStates: @unchecked Sendable {
    typealias State = Int32

    static let dead: State = -2
    static let unknown: State = -1
    /// A text that has more readings than a state can hold. It may fit the grammar, but it cannot be followed, so that it is dead too.
    static let exceeded: State = -3
    /// The max number of positions in one state.
    private static let maximumPlaces = InputLimits.standard.grammarReadings

    /// A stack frame: how the text continues after a part of it has ended.
    struct Frame: Hashable {
        /// The node to return to. For a repetition, its body, which may begin again; for members in any order, their index in `memberSets`.
        var node: Int32
        /// The min and max number of further repetitions; -1 for a frame that is not a repetition.
        var least: Int32
        var most: Int32
        var parent: Int32
        /// For members in any order: one bit for each member that the text has so far. Nil for other frames.
        var seen: UInt64?
    }

    struct Places: Hashable {
        /// The node, stack and counter of each position, sorted.
        var places: [UInt64]
        var isEnd: Bool
    }

    let program: GrammarProgram
    /// The length of the longest token in bytes, plus one. A repetition that may continue for longer than this looks endless to every token.
    private let horizon: Int32
    private var frames: [Frame] = []
    private var frameIndex: [Frame: Int32] = [:]
    /// Whether each stack has counts beyond the horizon.
    private var isFar: [Bool] = []
    private var states: [Places] = []
    private var stateIndex: [Places: State] = [:]
    /// The state after each symbol, `symbolCount` entries for each state.
    private var steps: UnsafeMutableBufferPointer<State>
    private var nearStates: [State: State] = [:]
    private var masks: [State: TokenMask] = [:]
    private var maskBytes = 0
    /// Unfinished mask computations, oldest first.
    private var walks: [(state: State, walk: MaskWalk)] = []
    /// The tables that walks over the vocabulary share; nil before the first walk and after the tables grew too large.
    private var scratch: GrammarStates?
    /// The size of the positions in all states, in bytes.
    private var placeBytes = 0
    private var forced: [State: ForcedText] = [:]
    private let symbolCount: Int
    /// The counter of each region's count 0. Counters are numbered across all regions; 0 means that there is no counter.
    private let counterBases: [Int]

    init(program: GrammarProgram, horizon: Int) {
        self.program = program
        self.horizon = Int32(clamping: horizon + 1)
        symbolCount = program.symbolCount
        var bases = [1]
        for region in program.regions { bases.append(bases[bases.count - 1] + region.top + 1) }
        counterBases = bases
        steps = .allocate(capacity: 64 * symbolCount)
        start = Self.dead
        frames.append(Frame(node: -1, least: -1, most: -1, parent: -1))  // the empty stack
        isFar.append(false)
        var first = PlaceSet()
        first.insert(Self.place(program.start, 0, 0))
        start = state(after: first)
    }

    deinit { steps.deallocate() }

    private(set) var start: State
    /// The number of positions visited so far, as a measure of the work.
    private(set) var visits = 0

    /// The max size of the stored masks, in bytes.
    private static let maximumMasks = 8 << 20
    /// The max size of the tables kept for walks, in bytes.
    private static let maximumScratch = 4 << 20
    /// The max number of unfinished walks. Dropping one loses little work, because the states that it found stay in the shared tables.
    private static let maximumWalks = 4

    /// The approximate size of the tables in bytes.
    var size: Int {
        states.count * (symbolCount * 4 + 200) + placeBytes + frames.count * 64 + maskBytes + forced.count * 64 + scratchSize
    }

    private var scratchSize: Int {
        // Most walks share `scratch`.
        let others = walks.lazy.map(\.walk.tables).filter { [scratch] in $0 !== scratch }
        return (scratch?.size ?? 0) + others.reduce(0) { $0 + $1.size }
    }

    /// The size in bytes without masks, which move to new tables, and without the tables of walks.
    var sizeOfStates: Int { size - maskBytes - scratchSize }

    func isEnd(_ state: State) -> Bool { state >= 0 && states[Int(state)].isEnd }

    // MARK: Steps

    func step(_ state: State, byte: UInt8) -> State { step(state, symbol: Int(program.classes[Int(byte)])) }

    func step(_ state: State, control: Int) -> State { step(state, symbol: program.representatives.count + control) }

    /// Returns the state after a symbol if it has been computed; otherwise `unknown`.
    func knownStep(_ state: State, _ symbol: Int) -> State { steps[Int(state) * symbolCount + symbol] }

    func step(_ state: State, symbol: Int) -> State {
        if state < 0 { return state }
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
        visits &+= states[Int(state)].places.count
        for place in states[Int(state)].places {
            let node = program.nodes[Self.node(place)]
            let (stack, counter) = (Self.stack(place), Self.counter(place))
            if isByte {
                for index in node.edges {
                    let edge = program.edges[index]
                    guard edge.low <= byte, byte <= edge.high, let next = self.counter(after: counter, at: edge.target) else { continue }
                    reached.insert(Self.place(edge.target, stack, next))
                }
            } else {
                for index in node.controls where program.controlEdges[index].control == control {
                    reached.insert(Self.place(program.controlEdges[index].target, stack, counter))
                }
            }
        }
        return reached.places.isEmpty ? Self.dead : self.state(after: reached)
    }

    // A position has 20 bits for its node, 22 for its stack and 22 for its counter. The builder and `push` respect these limits.
    private static func place(_ node: Int32, _ stack: Int32, _ counter: Int) -> UInt64 {
        UInt64(UInt32(bitPattern: node)) << 44 | UInt64(UInt32(bitPattern: stack)) << 22 | UInt64(counter)
    }
    private static func node(_ place: UInt64) -> Int { Int(place >> 44) }
    private static func stack(_ place: UInt64) -> Int32 { Int32(place >> 22 & 0x3FFFFF) }
    private static func counter(_ place: UInt64) -> Int { Int(place & 0x3FFFFF) }
    private static let maximumFrames = 1 << 22
    /// The max number of counters of all regions of a program.
    static let maximumCounters = 1 << 22

    private func region(of counter: Int) -> Int {
        var (low, high) = (0, counterBases.count - 1)
        while high - low > 1 {
            let middle = (low + high) / 2
            if counterBases[middle] <= counter { low = middle } else { high = middle }
        }
        return low
    }

    /// Returns the counter at a node that a byte leads to; nil when no text of a permitted length continues there.
    private func counter(after counter: Int, at node: Int32) -> Int? {
        let node = program.nodes[Int(node)]
        // Inside a character, the state after its last byte must be allowed.
        let state = node.countedState >= 0 ? node.countedState : node.endsCharacter
        if counter == 0 || state < 0 { return counter }
        let index = region(of: counter)
        let region = program.regions[index]
        guard let count = region.next(counter - counterBases[index]), region.allows(Int(state), count: count) else { return nil }
        return node.countedState >= 0 ? counterBases[index] + count : counter
    }

    /// Returns the state of a text that has reached these positions. Makes calls and leaves ended rules until the next symbol has to be read.
    private func state(after reached: PlaceSet) -> State {
        var seen = reached
        var places: [UInt64] = []
        var isEnd = false
        var index = 0
        defer { visits &+= index }
        // New positions are appended to the set and visited in turn.
        while index < seen.places.count {
            let place = seen.places[index]
            index += 1
            if seen.places.count > 16 * Self.maximumPlaces { return Self.exceeded }
            let (stack, counter, node) = (Self.stack(place), Self.counter(place), program.nodes[Self.node(place)])
            if node.reads { places.append(place) }
            for index in node.calls {
                let call = program.calls[index]
                let back =
                    program.nodes[Int(call.returnsTo)].isOnlyEnd
                    ? stack : push(Frame(node: call.returnsTo, least: -1, most: -1, parent: stack))
                if call.least == 1, call.most == 1 {
                    seen.insert(Self.place(call.body, back, 0))
                } else {
                    if call.least == 0 { seen.insert(Self.place(call.returnsTo, stack, 0)) }
                    begin(Frame(node: call.body, least: call.least, most: call.most, parent: back), &seen)
                }
            }
            if node.beginsMembers >= 0 {
                offer(push(Frame(node: node.beginsMembers, least: -1, most: -1, parent: stack, seen: 0)), &seen)
            } else if node.nextMember >= 0 {
                offer(stack, &seen)
            }
            for index in node.entries {
                let entry = Int(program.entries[index])
                seen.insert(Self.place(program.regions[entry].firstNode, stack, counterBases[entry]))
            }
            if node.leaves >= 0, counter > 0 {
                let index = region(of: counter)
                if counter - counterBases[index] >= program.regions[index].least { seen.insert(Self.place(node.leaves, stack, 0)) }
            }
            guard node.isEnd else { continue }
            if leave(stack, &seen) { isEnd = true }
        }
        if places.count > Self.maximumPlaces || frames.count >= Self.maximumFrames { return Self.exceeded }
        if places.isEmpty, !isEnd { return Self.dead }
        places.sort()
        return intern(Places(places: places, isEnd: isEnd))
    }

    /// Begins the body of a repetition, for the first time or again.
    private func begin(_ frame: Frame, _ seen: inout PlaceSet) {
        guard frame.most > 0 else { return }
        let most = frame.most == GrammarProgram.endless ? frame.most : frame.most - 1
        let next = push(Frame(node: frame.node, least: max(0, frame.least - 1), most: most, parent: frame.parent))
        seen.insert(Self.place(frame.node, next, 0))
    }

    /// Begins the members that may come next.
    ///
    /// - stack: its top frame records the members that the text has so far.
    private func offer(_ stack: Int32, _ seen: inout PlaceSet) {
        let frame = frames[Int(stack)]
        guard let came = frame.seen else { return }
        let set = program.memberSets[Int(frame.node)]
        for (index, body) in set.bodies.enumerated() where body >= 0 && came >> UInt64(index) & 1 == 0 {
            var next = frame
            next.seen = came | 1 << UInt64(index)
            seen.insert(Self.place(body, push(next), 0))
        }
        if set.others >= 0, set.required & ~came == 0 { seen.insert(Self.place(set.others, stack, 0)) }
    }

    /// Ends the parts that the frames of a stack stand for; returns whether the whole text may end with them.
    private func leave(_ stack: Int32, _ seen: inout PlaceSet) -> Bool {
        var stack = stack
        while stack != 0 {
            let frame = frames[Int(stack)]
            if let came = frame.seen {
                let set = program.memberSets[Int(frame.node)]
                if set.hasMore(after: came) { seen.insert(Self.place(set.separator, stack, 0)) }
                if set.required & ~came != 0 { return false }
                stack = frame.parent
                continue
            }
            if frame.least < 0 {
                seen.insert(Self.place(frame.node, frame.parent, 0))
                return false
            }
            begin(frame, &seen)
            if frame.least > 0 { return false }
            stack = frame.parent
        }
        return true
    }

    // MARK: Tables

    private func push(_ frame: Frame) -> Int32 {
        if let known = frameIndex[frame] { return known }
        // The caller discards a state whose stacks exceed the limit.
        if frames.count >= Self.maximumFrames { return 0 }
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
        placeBytes += places.places.count * 16
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

    /// Returns the state with all counts that no token can exhaust cut to the horizon. It allows the same tokens.
    private func near(_ state: State) -> State {
        if state < 0 { return state }
        if let known = nearStates[state] { return known }
        let source = states[Int(state)]
        var result = state
        if source.places.contains(where: { isFar[Int(Self.stack($0))] || Self.counter($0) > 0 }) {
            let places = Set(
                source.places.map { place in
                    Self.place(Int32(Self.node(place)), nearStack(Self.stack(place)), nearCounter(Self.counter(place)))
                })
            result = intern(Places(places: places.sorted(), isEnd: source.isEnd))
        }
        nearStates[state] = result
        return result
    }

    private func nearCounter(_ counter: Int) -> Int {
        if counter == 0 { return 0 }
        let index = region(of: counter)
        return counterBases[index] + program.regions[index].near(counter - counterBases[index], horizon: Int(horizon))
    }

    private func nearStack(_ stack: Int32) -> Int32 {
        rebuilt(stack, until: { !isFar[Int($0)] }) { frame in
            var frame = frame
            frame.least = min(frame.least, horizon)
            if frame.most != GrammarProgram.endless { frame.most = min(frame.most, horizon) }
            return frame
        }
    }

    /// Returns a stack with changed frames, rebuilt from the bottom up.
    ///
    /// - isSame: whether a stack stays as it is.
    private func rebuilt(_ stack: Int32, until isSame: (Int32) -> Bool, _ change: (Frame) -> Frame) -> Int32 {
        var path: [Int32] = []
        var bottom = stack
        while !isSame(bottom) {
            path.append(bottom)
            bottom = frames[Int(bottom)].parent
        }
        for index in path.reversed() {
            var frame = change(frames[Int(index)])
            frame.parent = bottom
            bottom = push(frame)
        }
        return bottom
    }

    /// Returns the same state in other tables.
    func moved(_ state: State, to other: GrammarStates) -> State {
        if state < 0 { return state }
        let source = states[Int(state)]
        var known: [Int32: Int32] = [0: 0]
        let places = source.places.map { Self.place(Int32(Self.node($0)), movedStack(Self.stack($0), to: other, &known), Self.counter($0)) }
        return other.intern(Places(places: places.sorted(), isEnd: source.isEnd))
    }

    private func movedStack(_ stack: Int32, to other: GrammarStates, _ known: inout [Int32: Int32]) -> Int32 {
        var path: [Int32] = []
        var bottom = stack
        while known[bottom] == nil {
            path.append(bottom)
            bottom = frames[Int(bottom)].parent
        }
        var result = known[bottom] ?? 0
        for index in path.reversed() {
            var frame = frames[Int(index)]
            frame.parent = result
            result = other.push(frame)
            known[index] = result
        }
        return result
    }

    // MARK: Masks

    /// Returns the mask of a state: the tokens that may come next, and the EOG tokens where the text may end.
    ///
    /// - deadline: the approximate time to stop; a later call continues. Nil for no deadline.
    /// Returns nil when the mask was not finished.
    func mask(_ state: State, _ trie: TokenTrie, until deadline: ContinuousClock.Instant?) -> TokenMask? {
        let state = near(state)
        if let known = masks[state] { return known }
        guard state >= 0 else { return TokenMask(words: [UInt64](repeating: 0, count: (trie.tokenCount + 63) / 64)) }
        let walk = takeWalk(from: state, trie)
        guard walk.run(until: deadline) else {
            walks.append((state, walk))
            if walks.count > Self.maximumWalks { walks.removeFirst() }
            return nil
        }
        scratch = walk.tables.size > Self.maximumScratch ? nil : walk.tables
        var words = walk.words
        func allow(_ token: Token) { words[Int(token) / 64] |= 1 << (UInt64(token) % 64) }
        var meetsLimit = walk.meetsLimit
        for (index, text) in program.controls.enumerated() {
            let next = step(state, control: index)
            if next == Self.exceeded { meetsLimit = true }
            if next >= 0, let token = trie.controls[text] { allow(token) }
        }
        // If only the limit on readings prevents a continuation, an end would make an incomplete answer look complete.
        let isCutOff = meetsLimit && words.allSatisfy { $0 == 0 }
        if isEnd(state), !isCutOff { trie.ends.forEach(allow) }
        let mask = TokenMask(words: words)
        keep(mask, of: state)
        return mask
    }

    private func takeWalk(from state: State, _ trie: TokenTrie) -> MaskWalk {
        if let index = walks.firstIndex(where: { $0.state == state }) { return walks.remove(at: index).walk }
        let tables = scratch ?? empty()
        scratch = tables
        return MaskWalk(from: moved(state, to: tables), tables: tables, trie: trie)
    }

    /// Returns empty tables of the same grammar.
    func empty() -> GrammarStates { GrammarStates(program: program, horizon: Int(horizon) - 1) }

    private func keep(_ mask: TokenMask, of state: State) {
        if masks.updateValue(mask, forKey: state) == nil { maskBytes += mask.words.count * 8 + 64 }
        // Computing masks again is cheaper than the memory to keep all of them.
        if maskBytes > Self.maximumMasks { (masks, maskBytes) = ([:], 0) }
    }

    /// Copies the masks to new tables, because masks take longer to compute than steps.
    func moveMasks(to other: GrammarStates) {
        for (state, mask) in masks { other.keep(mask, of: moved(state, to: other)) }
    }

    func hasMask(_ state: State) -> Bool { masks[near(state)] != nil }

    // MARK: Forced text

    /// The max number of positions to visit for one forced text; a later call finds the text after it.
    private static let maximumVisits = 4096

    /// Returns the text that must come next; empty where there is a choice.
    func forcedText(_ state: State) -> ForcedText {
        if state < 0 { return ForcedText() }
        if let known = forced[state] { return known }
        var text = ForcedText()
        var (place, visited) = (state, 0)
        while place >= 0, text.bytes.count < ForcedText.longest, visited < Self.maximumVisits, !isEnd(place), let byte = onlyByte(place) {
            visited += states[Int(place)].places.count
            text.bytes.append(byte)
            place = step(place, byte: byte)
        }
        text.ends = place >= 0 && isEnd(place) && states[Int(place)].places.isEmpty
        forced[state] = text
        return text
    }

    /// Returns the symbols that an edge reads from a state.
    func symbols(of state: State) -> [Int] {
        var isRead = [Bool](repeating: false, count: symbolCount)
        for place in states[Int(state)].places {
            let node = program.nodes[Self.node(place)]
            for edge in program.edges[node.edges] {
                // The numbers of the classes ascend with the bytes.
                for symbol in program.classes[Int(edge.low)]...program.classes[Int(edge.high)] { isRead[Int(symbol)] = true }
            }
            for edge in program.controlEdges[node.controls] { isRead[program.representatives.count + Int(edge.control)] = true }
        }
        return isRead.indices.filter { isRead[$0] }
    }

    /// Returns the only byte that can come next; nil when several bytes or a control token can.
    private func onlyByte(_ state: State) -> UInt8? {
        var found: UInt8?
        for place in states[Int(state)].places {
            let node = program.nodes[Self.node(place)]
            if !node.controls.isEmpty { return nil }
            for edge in program.edges[node.edges] {
                if edge.low != edge.high || edge.low != found ?? edge.low { return nil }
                found = edge.low
            }
        }
        return found
    }
}

/// A set of positions in insertion order. It is usually small; hashing does not pay off below about two dozen.
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
    /// Whether the whole text ends after `bytes`.
    package var ends = false

    package init(bytes: [UInt8] = [], ends: Bool = false) {
        self.bytes = bytes
        self.ends = ends
    }
}
