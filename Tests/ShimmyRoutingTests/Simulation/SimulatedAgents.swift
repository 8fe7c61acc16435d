import ShimmyTestSupport

/// A request of a simulated agent.
struct SimulatedTurn {
    let agent: Int
    let conversation: Int
    let system: Int
    let systemTokens: Int
    let promptTokens: Int
    let answerTokens: Int
}

/// Agents whose conversations grow with each request. Many of them share a system prompt.
struct SimulatedAgents {
    private struct Agent {
        var conversation = 0
        var system = 0
        var tokens = 0
        var turnsLeft = 0
    }

    static let bytesPerToken = 4

    private var generator: SeededGenerator
    private let systemTokens: [Int]
    private var agents: [Agent]
    private var lastConversation = 0

    init(count: Int, systems: Int, seed: UInt64) {
        var generator = SeededGenerator(seed: seed)
        systemTokens = (0..<systems).map { _ in Int.random(in: 500...6000, using: &generator) }
        agents = Array(repeating: Agent(), count: count)
        self.generator = generator
    }

    /// Returns the next request of an agent.
    mutating func next(_ index: Int) -> SimulatedTurn {
        if agents[index].turnsLeft == 0 { begin(index) }
        agents[index].turnsLeft -= 1
        // A message of the user or the output of a tool.
        agents[index].tokens += Int.random(in: 1...10, using: &generator) == 1 ? 3000 : Int.random(in: 50...800, using: &generator)
        let agent = agents[index]
        let answer = Int.random(in: 30...400, using: &generator)
        agents[index].tokens += answer
        return SimulatedTurn(
            agent: index, conversation: agent.conversation, system: agent.system, systemTokens: systemTokens[agent.system],
            promptTokens: systemTokens[agent.system] + agent.tokens, answerTokens: answer)
    }

    /// Returns the seconds that an agent takes for its next step.
    mutating func pause() -> Double { Double.random(in: 0.5...20, using: &generator) }

    private mutating func begin(_ index: Int) {
        // The square makes the first system prompts popular.
        let place = Double.random(in: 0..<1, using: &generator)
        lastConversation += 1
        agents[index] = Agent(
            conversation: lastConversation, system: Int(place * place * Double(systemTokens.count)), tokens: 0,
            turnsLeft: Int.random(in: 5...40, using: &generator))
    }

    /// Returns the bytes of a prompt.
    static func bytes(_ turn: SimulatedTurn) -> [UInt8] {
        let systemBytes = turn.systemTokens * bytesPerToken
        let count = turn.promptTokens * bytesPerToken
        return Array(unsafeUninitializedCapacity: count) { buffer, written in
            var generator = SeededGenerator(seed: UInt64(turn.system) | 1 << 40)
            let bytes = UnsafeMutableRawBufferPointer(buffer)
            for offset in stride(from: 0, to: count, by: 4) {
                if offset == systemBytes { generator = SeededGenerator(seed: UInt64(turn.conversation) | 1 << 41) }
                bytes.storeBytes(of: UInt32(truncatingIfNeeded: generator.next()), toByteOffset: offset, as: UInt32.self)
            }
            written = count
        }
    }
}
