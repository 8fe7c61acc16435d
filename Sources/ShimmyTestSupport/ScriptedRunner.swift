// Fakes for tests: a scripted runner that replaces a model, and a vocabulary of bytes. They use no sleeps and no network.

package import ShimmyCore
package import ShimmyEngine

/// A model runner that computes nothing: the next token of a sequence depends only on its tokens, by a rule that the test defines.
/// Media have no effect on it.
///
/// It tracks the cells of every slot and stops the test if a batch contradicts them: a token at the wrong position, a slot that was not freed, more
/// cells than the cache has, cells that were computed with other adapters.
package struct ScriptedRunner: ModelRunner {
    /// A cell of the KV cache. Slots that share a prefix share its cells.
    private struct Cell: Hashable {
        let number: Int
        let unit: PromptUnit
        /// The number of positions by which the cell advances the cells after it.
        var positions = 1
        /// The adapters that the cell was computed with; nil for a restored cell, whose adapters are unknown.
        var adapters: AdapterSet?
    }

    package let limits: RunnerLimits
    private let rule: @Sendable ([Token]) throws -> Token
    private let forced: @Sendable ([Token]) -> Int
    private let endOfGeneration: Token
    /// Returns the error with which a batch fails; nil for a batch that can be computed.
    package var failure: (@Sendable (Batch) -> (any Error)?)?
    private var cells: [Int: [Cell]] = [:]
    private var nextCell = 0
    private var known: Set<SequenceID> = []
    /// The sequences that request log probabilities.
    private var asking: Set<SequenceID> = []
    private var scores: [SequenceID: [TokenLogprobs]] = [:]
    /// The first position that each slot still has, to simulate a model with a sliding window that dropped the cells before it.
    private var firstPositions: [Int: Int] = [:]

    /// The error that a rule throws if a constraint allows no token and the model has no EOG token.
    package struct Exhausted: Error {
        package init() {}
    }

    /// Makes a runner.
    /// - rule: returns the next token after the given ones. If it throws, the sequence fails; if it throws `Exhausted`, the sequence has no next
    ///   token.
    /// - forced: returns the number of tokens that a constraint forces after the given ones. Their values come from `rule`, and they follow the drawn
    ///   token in the same step.
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
        case .share(let source, let slot, let length):
            precondition(cells[slot, default: []].isEmpty, "a slot is shared into that is not empty")
            precondition(length.cells <= cells[source, default: []].count, "more is shared than there is")
            precondition(limits.canRewind || length.cells == cells[source]?.count, "this model cannot share a part")
            cells[slot] = Array(cells[source, default: []].prefix(length.cells))
            precondition(self.length(slot: slot) == length, "the positions of a shared prefix are wrong")
            firstPositions[slot] = firstPositions[source]
        case .truncate(let slot, let length):
            precondition(limits.canRewind || length == 0, "this model cannot rewind")
            cells[slot] = Array(cells[slot, default: []].prefix(length.cells))
            precondition(self.length(slot: slot).positions <= length.positions, "the positions of the remaining cells are wrong")
            if length == 0 { firstPositions[slot] = nil }
        case .save, .restore:
            preconditionFailure("the engine's loop saves and restores")
        }
    }

    private func length(slot: Int) -> PrefixLength {
        let held = cells[slot, default: []]
        return PrefixLength(cells: held.count, positions: held.reduce(0) { $0 + $1.positions })
    }

    package func firstPosition(slot: Int) -> Int { firstPositions[slot, default: 0] }

    /// Drops the cells before a position in all slots that are not empty, as a model with a sliding window does when other sequences need the cells.
    package mutating func forget(before position: Int) {
        for (slot, held) in cells where !held.isEmpty { firstPositions[slot] = position }
    }

    package func state(slot: Int) -> [UInt8]? { cells[slot, default: []].map { UInt8($0.unit.rawValue) } }

    package mutating func restore(slot: Int, from state: [UInt8]) -> Bool {
        precondition(cells[slot, default: []].isEmpty, "a slot is restored into that is not empty")
        guard cellsInUse + state.count <= limits.cells else { return false }
        cells[slot] = state.enumerated().map { Cell(number: nextCell + $0.offset, unit: PromptUnit(Token($0.element))) }
        nextCell += state.count
        return true
    }

    package let modelSeconds = 0.0

    package mutating func rollBack(slot: Int, to length: PrefixLength) -> Bool {
        let count = length.cells
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
            // A model that fails in the middle of a batch leaves some cells behind.
            if let first = batch.chunks.first { append(first, atMost: 1, batch.adapters) }
            throw error
        }
        precondition(batch.rowCount <= limits.batchTokens, "more tokens than a batch holds")
        precondition(batch.outputCount <= limits.outputs, "more outputs than there may be")
        precondition(Set(batch.chunks.map(\.slot)).count == batch.chunks.count, "a slot twice in a batch")
        let results = batch.chunks.map { compute($0, batch.adapters) }
        precondition(cellsInUse <= limits.cells, "more cells than there are")
        return results
    }

    private mutating func append(_ chunk: Batch.Chunk, atMost count: Int = .max, _ adapters: AdapterSet) {
        for (index, unit) in chunk.units.prefix(count).enumerated() {
            var cell = Cell(number: nextCell, unit: unit, adapters: adapters)
            if case .media(let part) = chunk.content, !part.segment.isDivisible {
                // All positions at the segment's last cell.
                cell.positions = index == part.segment.cells - 1 ? part.segment.positions : 0
            }
            cells[chunk.slot, default: []].append(cell)
            nextCell += 1
        }
    }

    private mutating func compute(_ chunk: Batch.Chunk, _ adapters: AdapterSet) -> ChunkResult {
        precondition(known.contains(chunk.sequence), "a sequence without a sampler")
        precondition((0..<limits.slots).contains(chunk.slot), "no such slot")
        precondition(length(slot: chunk.slot) == chunk.start, "a chunk does not continue its slot")
        precondition(limits.hasWindow(before: chunk.start.positions, from: firstPosition(slot: chunk.slot)), "what the tokens see is gone")
        precondition(cells[chunk.slot, default: []].allSatisfy { $0.adapters ?? adapters == adapters }, "cells of other adapters")
        precondition(chunk.drafts == 0 || (limits.canRewind && chunk.drafts < chunk.tokens.count), "a draft that cannot be dropped")
        scores[chunk.sequence] = score(chunk)
        append(chunk, adapters)
        guard chunk.samples else { return ChunkResult() }
        let result = sample(chunk)
        if asking.contains(chunk.sequence) {
            let first = chunk.start.positions + chunk.rowCount - chunk.drafts
            scores[chunk.sequence, default: []] += result.tokens.enumerated().map { Self.score($1, at: first + $0) }
        }
        return result
    }

    package mutating func takeLogprobs(of id: SequenceID) -> [TokenLogprobs] { scores.removeValue(forKey: id) ?? [] }

    /// Returns the log probability of a token: its position, negated.
    private static func score(_ token: Token, at position: Int) -> TokenLogprobs {
        TokenLogprobs(drawn: .init(token: token, logprob: -Float(position)), top: [])
    }

    /// Returns the log probability of a token as an alternative: a multiple of its number, whatever precedes it.
    package static func alternativeScore(_ token: Token) -> Float { -Float(token) / 32 }

    private func score(_ chunk: Batch.Chunk) -> [TokenLogprobs]? {
        chunk.scores.map { scores in
            precondition(scores.firstRow + scores.rowCount <= chunk.rowCount, "a score of a row that is not there")
            if scores.areAlternatives {
                return scores.tokens.map { TokenLogprobs(drawn: .init(token: $0, logprob: Self.alternativeScore($0)), top: []) }
            }
            return scores.tokens.enumerated().map { Self.score($1, at: chunk.start.positions + scores.firstRow + $0 + 1) }
        }
    }

    /// The number of tokens of a step after which drawing stops, as when a constraint takes long; nil for no limit.
    package var drawsAtMost: Int?

    /// Draws the token after the known ones, and continues while the drafts are accepted.
    private func sample(_ chunk: Batch.Chunk) -> ChunkResult {
        var tokens = cells[chunk.slot, default: []].compactMap(\.unit.token)
        let draft = tokens.suffix(chunk.drafts)
        tokens.removeLast(chunk.drafts)
        var result = ChunkResult()
        do {
            repeat {
                var count = 1
                var index = 0
                while index < count, !result.tokens.contains(endOfGeneration) {
                    let token = try rule(tokens)
                    tokens.append(token)
                    result.tokens.append(token)
                    if index == 0 { count += forced(tokens) }
                    index += 1
                }
            } while draft.starts(with: result.tokens) && !result.tokens.contains(endOfGeneration) && result.tokens.count < drawsAtMost ?? .max
        } catch is Exhausted {
            result.isExhausted = true
        } catch {
            return ChunkResult(failure: "\(error)")
        }
        return result
    }
}
