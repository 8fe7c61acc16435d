// Fakes for tests: a scripted runner in place of a model, a vocabulary of bytes. No sleeps, no network.

package import ShimmyCore
package import ShimmyEngine

/// A model runner that computes nothing: the next token of a sequence follows from its tokens alone, by a rule of the test's.
///
/// It keeps its own picture of every slot's cells and stops the test when a batch contradicts it:
/// a token at the wrong position, a slot that was not freed, more cells than there are, cells that were computed with other adapters.
package struct ScriptedRunner: ModelRunner {
    /// A place in the cache; slots that share a prefix share its cells.
    private struct Cell: Hashable {
        let number: Int
        let token: Token
        /// What it was computed with; nil where the test cannot know, after it was restored.
        var adapters: AdapterSet?
    }

    package let limits: RunnerLimits
    private let rule: @Sendable ([Token]) throws -> Token
    private let forced: @Sendable ([Token]) -> Int
    private let endOfGeneration: Token
    /// The error with which a batch fails; nil for a batch that can be computed.
    package var failure: (@Sendable (Batch) -> (any Error)?)?
    private var cells: [Int: [Cell]] = [:]
    private var nextCell = 0
    private var known: Set<SequenceID> = []
    /// Those that want to know how likely their tokens were.
    private var asking: Set<SequenceID> = []
    private var scores: [SequenceID: [TokenLogprobs]] = [:]
    /// What a model with a window pretends to have forgotten: the first position that each slot still has.
    private var firstPositions: [Int: Int] = [:]

    /// A rule throws it where a constraint allows no token and the model has none to end with.
    package struct Exhausted: Error {
        package init() {}
    }

    /// - rule: the next token after these. A sequence for which it throws fails, and one for which it throws `Exhausted` has no next token.
    /// - forced: how many tokens after these, as `rule` has them, a constraint forces: they follow the drawn one at once.
    package init(
        limits: RunnerLimits, endOfGeneration: Token = -1, rule: @escaping @Sendable ([Token]) throws -> Token,
        forced: @escaping @Sendable ([Token]) -> Int = { _ in 0 }
    ) {
        self.limits = limits
        self.endOfGeneration = endOfGeneration
        self.forced = forced
        self.rule = rule
    }

    package var cellsInUse: Int { Set(cells.values.joined()).count }
    package var sequenceCount: Int { known.count }

    package func isEndOfGeneration(_ token: Token) -> Bool { token == endOfGeneration }
    package mutating func addSequence(_ id: SequenceID, sampling: SequenceSampling) {
        known.insert(id)
        if sampling.parameters.logprobs != nil { asking.insert(id) }
    }

    package mutating func removeSequence(_ id: SequenceID) {
        known.remove(id)
        asking.remove(id)
    }

    package mutating func perform(_ operation: CacheOperation) {
        switch operation {
        case .share(let source, let slot, let count):
            precondition(cells[slot, default: []].isEmpty, "a slot is shared into that is not empty")
            precondition(count <= cells[source, default: []].count, "more is shared than there is")
            precondition(limits.canRewind || count == cells[source]?.count, "this model cannot share a part")
            cells[slot] = Array(cells[source, default: []].prefix(count))
            firstPositions[slot] = firstPositions[source]
        case .truncate(let slot, let count):
            precondition(limits.canRewind || count == 0, "this model cannot rewind")
            cells[slot] = Array(cells[slot, default: []].prefix(count))
            if count == 0 { firstPositions[slot] = nil }
        case .save, .restore:
            preconditionFailure("the engine's loop saves and restores")
        }
    }

    package func firstPosition(slot: Int) -> Int { firstPositions[slot, default: 0] }

    /// Forgets what lies before a position in all slots that hold something, as a model with a window does when others need the cells.
    package mutating func forget(before position: Int) {
        for (slot, held) in cells where !held.isEmpty { firstPositions[slot] = position }
    }

    package func state(slot: Int) -> [UInt8]? { cells[slot, default: []].map { UInt8($0.token) } }

    package mutating func restore(slot: Int, from state: [UInt8]) -> Bool {
        precondition(cells[slot, default: []].isEmpty, "a slot is restored into that is not empty")
        guard cellsInUse + state.count <= limits.cells else { return false }
        cells[slot] = state.enumerated().map { Cell(number: nextCell + $0.offset, token: Token($0.element)) }
        nextCell += state.count
        return true
    }

    package let modelSeconds = 0.0

    package mutating func rollBack(slot: Int, to count: Int) -> Bool {
        let held = cells[slot, default: []].count
        precondition(held >= count, "cells are lost that were computed before")
        if held > count, !limits.canRewind {
            cells[slot] = []
            return false
        }
        cells[slot] = Array(cells[slot, default: []].prefix(count))
        return true
    }

    package mutating func run(_ batch: Batch) throws -> [ChunkResult] {
        if let error = failure?(batch) {
            // What a model leaves behind that fails in the middle.
            if let first = batch.chunks.first { append(first.tokens.prefix(1), to: first.slot, batch.adapters) }
            throw error
        }
        precondition(batch.tokenCount <= limits.batchTokens, "more tokens than a batch holds")
        precondition(batch.outputCount <= limits.outputs, "more outputs than there may be")
        precondition(Set(batch.chunks.map(\.slot)).count == batch.chunks.count, "a slot twice in a batch")
        let results = batch.chunks.map { compute($0, batch.adapters) }
        precondition(cellsInUse <= limits.cells, "more cells than there are")
        return results
    }

    private mutating func append(_ tokens: some Sequence<Token>, to slot: Int, _ adapters: AdapterSet) {
        for token in tokens {
            cells[slot, default: []].append(Cell(number: nextCell, token: token, adapters: adapters))
            nextCell += 1
        }
    }

    private mutating func compute(_ chunk: Batch.Chunk, _ adapters: AdapterSet) -> ChunkResult {
        precondition(known.contains(chunk.sequence), "a sequence without a sampler")
        precondition((0..<limits.slots).contains(chunk.slot), "no such slot")
        precondition(cells[chunk.slot, default: []].count == chunk.position, "a chunk does not continue its slot")
        precondition(limits.hasWindow(before: chunk.position, from: firstPosition(slot: chunk.slot)), "what the tokens see is gone")
        precondition(cells[chunk.slot, default: []].allSatisfy { $0.adapters ?? adapters == adapters }, "cells of other adapters")
        precondition(chunk.drafts == 0 || (chunk.samples && limits.canRewind && chunk.drafts < chunk.tokens.count), "no place for guesses")
        scores[chunk.sequence] = score(chunk)
        append(chunk.tokens, to: chunk.slot, adapters)
        guard chunk.samples else { return ChunkResult() }
        let result = sample(chunk)
        if asking.contains(chunk.sequence) {
            let first = chunk.position + chunk.tokens.count - chunk.drafts
            scores[chunk.sequence, default: []] += result.tokens.enumerated().map { Self.score($1, at: first + $0) }
        }
        return result
    }

    package mutating func takeLogprobs(of id: SequenceID) -> [TokenLogprobs] { scores.removeValue(forKey: id) ?? [] }

    /// A token's log probability is its position, negated.
    private static func score(_ token: Token, at position: Int) -> TokenLogprobs {
        TokenLogprobs(drawn: .init(token: token, logprob: -Float(position)), top: [])
    }

    private func score(_ chunk: Batch.Chunk) -> [TokenLogprobs]? {
        chunk.scores.map { scores in
            precondition(scores.firstRow + scores.tokens.count <= chunk.tokens.count, "a score of a row that is not there")
            return scores.tokens.enumerated().map { Self.score($1, at: chunk.position + scores.firstRow + $0 + 1) }
        }
    }

    /// After how many tokens of a step nothing more is drawn, as where a constraint takes long; nil for never.
    package var drawsAtMost: Int?

    /// What follows the sure tokens, and as long as the guesses are right, what follows them.
    private func sample(_ chunk: Batch.Chunk) -> ChunkResult {
        var tokens = cells[chunk.slot, default: []].map(\.token)
        let guesses = tokens.suffix(chunk.drafts)
        tokens.removeLast(chunk.drafts)
        var result = ChunkResult()
        do {
            repeat {
                var count = 1
                var place = 0
                while place < count, !result.tokens.contains(endOfGeneration) {
                    let token = try rule(tokens)
                    tokens.append(token)
                    result.tokens.append(token)
                    if place == 0 { count += forced(tokens) }
                    place += 1
                }
            } while guesses.starts(with: result.tokens) && !result.tokens.contains(endOfGeneration) && result.tokens.count < drawsAtMost ?? .max
        } catch is Exhausted {
            result.isExhausted = true
        } catch {
            return ChunkResult(failure: "\(error)")
        }
        return result
    }
}
