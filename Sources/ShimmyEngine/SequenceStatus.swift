/// The status of one sequence, as reported to users.
package struct SequenceStatus: Codable, Sendable, Equatable {
    package enum Stage: String, Codable, Sendable { case waiting, prefill, decode }

    package var id: UInt64
    package var stage: Stage
    package var slot: Int?
    package var promptTokens: Int
    package var cachedPromptTokens: Int
    /// The number of known tokens whose cells are in the cache.
    package var computedTokens: Int
    package var generatedTokens: Int
    package var isFlex: Bool
    /// The name of the owner.
    package var owner: String
}

extension SequenceStatus {
    init(_ sequence: SequenceState) {
        id = sequence.id.rawValue
        stage = sequence.slot == nil ? .waiting : sequence.isDecoding ? .decode : .prefill
        slot = sequence.slot
        promptTokens = sequence.promptCount
        cachedPromptTokens = sequence.cachedPromptTokens ?? 0
        computedTokens = sequence.computed
        generatedTokens = sequence.generatedCount
        isFlex = sequence.isFlex
        owner = sequence.owner.name
    }
}
