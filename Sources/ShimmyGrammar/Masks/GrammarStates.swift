import ShimmyCore

/// The states of a grammar that texts have reached so far: a pushdown automaton that is made deterministic at run time.
///
/// A state is the set of all positions where the text may be: a node of the program, a stack of nodes to return to, and a counter. States, stacks
/// and steps between states are stored, so that each is computed once and looked up afterwards.
///
/// `GrammarStates+Masks.swift` computes the masks of states, `ForcedText.swift` the texts that they force, `GrammarStates+Stacks.swift` equivalent
/// states with other stacks, and `GrammarStates+Beginning.swift` checks the beginning of a text. All of these use the tables of this file.
///
/// `@unchecked Sendable`: used only behind the lock of `CompiledGrammar.Tables`.
final class GrammarStates: @unchecked Sendable {
    typealias State = Int32

    static let dead: State = -2
    static let unknown: State = -1
    /// A text that has more readings than a state can hold. It may fit the grammar, but it cannot be followed, so that it is dead too.
    static let exceeded: State = -3
    /// The max number of positions in one state.
    private static let maximumPositions = InputLimits.standard.grammarReadings

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

    /// The content of a state.
    struct Content: Hashable {
        /// The node, stack and counter of each position, sorted.
        var positions: [UInt64]
        var isEnd: Bool
    }

    let program: GrammarProgram
    /// The length of the longest token in bytes, plus one. A repetition that may continue for longer than this looks endless to every token.
    let horizon: Int32
    var frames: [Frame] = []
    private var frameIndex: [Frame: Int32] = [:]
    /// Whether each stack has counts beyond the horizon.
    var isFar: [Bool] = []
    var states: [Content] = []
    private var stateIndex: [Content: State] = [:]
    /// The state after each symbol, `symbolCount` entries for each state.
    private var steps: UnsafeMutableBufferPointer<State>
    var nearStates: [State: State] = [:]
    var masks: [State: TokenMask] = [:]
    var maskBytes = 0
    /// Unfinished mask computations, oldest first.
    var walks: [(state: State, walk: MaskWalk)] = []
    /// The tables that walks over the vocabulary share; nil before the first walk and after the tables grew too large.
    var scratch: GrammarStates?
    /// The size of the positions in all states, in bytes.
    private var positionBytes = 0
    var forced: [State: ForcedText] = [:]
    let symbolCount: Int
    /// The counter of each region's count 0. Counters are numbered across all regions; 0 means that there is no counter.
    let counterBases: [Int]

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
        var first = PositionSet()
        first.insert(Self.position(program.start, 0, 0))
        start = state(after: first)
    }

    deinit { steps.deallocate() }

    private(set) var start: State
    /// The number of positions visited so far, as a measure of the work.
    private(set) var visits = 0

    /// The approximate size of the tables in bytes.
    var size: Int {
        states.count * (symbolCount * 4 + 200) + positionBytes + frames.count * 64 + maskBytes + forced.count * 64 + scratchSize
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
        let index = Int(state) * symbolCount + symbol
        if steps[index] != Self.unknown { return steps[index] }
        let next = findStep(state, symbol)
        steps[index] = next
        return next
    }

    private func findStep(_ state: State, _ symbol: Int) -> State {
        var reached = PositionSet()
        let isByte = symbol < program.representatives.count
        let byte = isByte ? program.representatives[symbol] : 0
        let control = Int32(symbol - program.representatives.count)
        visits &+= states[Int(state)].positions.count
        for position in states[Int(state)].positions {
            let node = program.nodes[Self.node(position)]
            let (stack, counter) = (Self.stack(position), Self.counter(position))
            if isByte {
                for index in node.edges {
                    let edge = program.edges[index]
                    guard edge.low <= byte, byte <= edge.high, let next = self.counter(after: counter, at: edge.target) else { continue }
                    reached.insert(Self.position(edge.target, stack, next))
                }
            } else {
                for index in node.controls where program.controlEdges[index].control == control {
                    reached.insert(Self.position(program.controlEdges[index].target, stack, counter))
                }
            }
        }
        return reached.positions.isEmpty ? Self.dead : self.state(after: reached)
    }

    // A position has 20 bits for its node, 22 for its stack and 22 for its counter. The builder and `push` respect these limits.
    static func position(_ node: Int32, _ stack: Int32, _ counter: Int) -> UInt64 {
        UInt64(UInt32(bitPattern: node)) << 44 | UInt64(UInt32(bitPattern: stack)) << 22 | UInt64(counter)
    }
    static func node(_ position: UInt64) -> Int { Int(position >> 44) }
    static func stack(_ position: UInt64) -> Int32 { Int32(position >> 22 & 0x3FFFFF) }
    static func counter(_ position: UInt64) -> Int { Int(position & 0x3FFFFF) }
    private static let maximumFrames = 1 << 22
    /// The max number of counters of all regions of a program.
    static let maximumCounters = 1 << 22

    func region(of counter: Int) -> Int {
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
    private func state(after reached: PositionSet) -> State {
        var seen = reached
        var positions: [UInt64] = []
        var isEnd = false
        var index = 0
        defer { visits &+= index }
        // New positions are appended to the set and visited in turn.
        while index < seen.positions.count {
            let position = seen.positions[index]
            index += 1
            if seen.positions.count > 16 * Self.maximumPositions { return Self.exceeded }
            let (stack, counter, node) = (Self.stack(position), Self.counter(position), program.nodes[Self.node(position)])
            if node.reads { positions.append(position) }
            for index in node.calls {
                let call = program.calls[index]
                let back =
                    program.nodes[Int(call.returnsTo)].isOnlyEnd
                    ? stack : push(Frame(node: call.returnsTo, least: -1, most: -1, parent: stack))
                if call.least == 1, call.most == 1 {
                    seen.insert(Self.position(call.body, back, 0))
                } else {
                    if call.least == 0 { seen.insert(Self.position(call.returnsTo, stack, 0)) }
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
                seen.insert(Self.position(program.regions[entry].firstNode, stack, counterBases[entry]))
            }
            if node.leaves >= 0, counter > 0 {
                let index = region(of: counter)
                if counter - counterBases[index] >= program.regions[index].least { seen.insert(Self.position(node.leaves, stack, 0)) }
            }
            guard node.isEnd else { continue }
            if leave(stack, &seen) { isEnd = true }
        }
        if positions.count > Self.maximumPositions || frames.count >= Self.maximumFrames { return Self.exceeded }
        if positions.isEmpty, !isEnd { return Self.dead }
        positions.sort()
        return intern(Content(positions: positions, isEnd: isEnd))
    }

    /// Begins the body of a repetition, for the first time or again.
    private func begin(_ frame: Frame, _ seen: inout PositionSet) {
        guard frame.most > 0 else { return }
        let most = frame.most == GrammarProgram.endless ? frame.most : frame.most - 1
        let next = push(Frame(node: frame.node, least: max(0, frame.least - 1), most: most, parent: frame.parent))
        seen.insert(Self.position(frame.node, next, 0))
    }

    /// Begins the members that may come next.
    ///
    /// - stack: its top frame records the members that the text has so far.
    private func offer(_ stack: Int32, _ seen: inout PositionSet) {
        let frame = frames[Int(stack)]
        guard let came = frame.seen else { return }
        let set = program.memberSets[Int(frame.node)]
        for (index, body) in set.bodies.enumerated() where body >= 0 && came >> UInt64(index) & 1 == 0 {
            var next = frame
            next.seen = came | 1 << UInt64(index)
            seen.insert(Self.position(body, push(next), 0))
        }
        if set.others >= 0, set.required & ~came == 0 { seen.insert(Self.position(set.others, stack, 0)) }
    }

    /// Ends the parts that the frames of a stack stand for; returns whether the whole text may end with them.
    private func leave(_ stack: Int32, _ seen: inout PositionSet) -> Bool {
        var stack = stack
        while stack != 0 {
            let frame = frames[Int(stack)]
            if let came = frame.seen {
                let set = program.memberSets[Int(frame.node)]
                if set.hasMore(after: came) { seen.insert(Self.position(set.separator, stack, 0)) }
                if set.required & ~came != 0 { return false }
                stack = frame.parent
                continue
            }
            if frame.least < 0 {
                seen.insert(Self.position(frame.node, frame.parent, 0))
                return false
            }
            begin(frame, &seen)
            if frame.least > 0 { return false }
            stack = frame.parent
        }
        return true
    }

    // MARK: Tables

    func push(_ frame: Frame) -> Int32 {
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

    func intern(_ content: Content) -> State {
        if let known = stateIndex[content] { return known }
        let state = State(states.count)
        positionBytes += content.positions.count * 16
        states.append(content)
        stateIndex[content] = state
        if states.count * symbolCount > steps.count {
            let larger = UnsafeMutableBufferPointer<State>.allocate(capacity: steps.count * 2)
            _ = larger.moveInitialize(fromContentsOf: steps[..<(Int(state) * symbolCount)])
            steps.deallocate()
            steps = larger
        }
        for index in Int(state) * symbolCount..<(Int(state) + 1) * symbolCount { steps.initializeElement(at: index, to: Self.unknown) }
        return state
    }
}
