import ShimmyEngine
import Testing

/// The size of an engine and the memory that it takes.
@Suite struct EngineShapeTests {
    /// The context length of a file or an option is clamped, whatever its value.
    @Test(arguments: [Int.min, -1, 0, 1, 1 << 40, Int.max]) func contextsAreBounded(length: Int) {
        for trained in [nil, Int.min, 0, Int.max] {
            let generation = EngineShape.generation(contextLength: length, trained: trained, slots: 256)
            for shape in [generation, .embedding(contextLength: length, trained: trained)] {
                #expect((1...EngineShape.mostContext).contains(shape.contextLength))
                #expect((1...EngineShape.mostContext).contains(shape.batchTokens))
                #expect(shape.sequences <= EngineShape.mostSequences)
            }
        }
    }

    @Test func theTotalOfMemorySaturates() {
        #expect(MemoryUse(weights: .max, cache: .max, compute: 1).total == .max)
    }
}
