/// A replica with a cache of prefixes of a limited size, which computes prompts one after the other and answers together.
struct SimulatedReplica {
    /// A cached run of tokens: a system prompt or the rest of a conversation.
    struct Entry: Hashable {
        var system: Int
        /// The conversation; nil for the system prompt itself.
        var conversation: Int?
    }

    /// Tokens per second.
    private static let prefillRate = 8000.0
    private static let decodeRate = 50.0
    /// The number of answers that are computed together without slowing each other.
    private static let batch = 32.0

    private let speed: Double
    private let capacity: Int
    private var lengths: [Entry: Int] = [:]
    /// The entries in the order of use, with those that were used again later left in until they are reached.
    private var uses: [(entry: Entry, time: Int)] = []
    private var firstUse = 0
    private var lastUses: [Entry: Int] = [:]
    private var cached = 0
    private var clock = 0
    private var prefillEnd = 0.0

    private(set) var inFlight = 0
    /// The tokens that were computed, as a measure of the replica's work.
    private(set) var computed = 0

    /// - speed: the number of machines that the replica stands for.
    init(capacity: Int, speed: Double = 1) {
        self.capacity = capacity
        self.speed = speed
    }

    /// Begins a request. Returns the cached tokens of its prompt, and the times of its first and its last token.
    mutating func serve(_ turn: SimulatedTurn, at now: Double) -> (cached: Int, first: Double, end: Double) {
        let system = Entry(system: turn.system, conversation: nil)
        let rest = Entry(system: turn.system, conversation: turn.conversation)
        var hit = lengths[system] ?? 0
        if hit == turn.systemTokens { hit += min(lengths[rest] ?? 0, turn.promptTokens - turn.systemTokens) }
        put(rest, turn.promptTokens - turn.systemTokens + turn.answerTokens)
        put(system, turn.systemTokens)
        evict()
        inFlight += 1
        computed += turn.promptTokens - hit + turn.answerTokens
        prefillEnd = max(prefillEnd, now) + Double(turn.promptTokens - hit) / Self.prefillRate / speed
        let slowdown = max(1, Double(inFlight) / (Self.batch * speed))
        return (hit, prefillEnd, prefillEnd + Double(turn.answerTokens) / Self.decodeRate * slowdown)
    }

    mutating func end() { inFlight -= 1 }

    private mutating func put(_ entry: Entry, _ tokens: Int) {
        cached += tokens - (lengths[entry] ?? 0)
        lengths[entry] = tokens
        clock += 1
        lastUses[entry] = clock
        uses.append((entry, clock))
    }

    private mutating func evict() {
        while cached > capacity, firstUse < uses.count {
            let (entry, time) = uses[firstUse]
            firstUse += 1
            guard lastUses[entry] == time else { continue }
            cached -= lengths.removeValue(forKey: entry) ?? 0
            lastUses[entry] = nil
        }
        if firstUse > 4096, firstUse > uses.count / 2 {
            uses.removeFirst(firstUse)
            firstUse = 0
        }
    }
}
