import ShimmyCore
import Testing

/// The length of the common prefix of two sequences, with block-wise and element-wise comparison.
@Suite struct CommonPrefixTests {
    @Test(arguments: [0, 1, 1023, 1024, 1025, 2048, 5000]) func tokensAreComparedInBlocks(count: Int) {
        let text = (0..<count).map { Token($0) }
        #expect(text.countInCommon(with: text) == count)
        #expect(text.countInCommon(with: text + [9]) == count && (text + [9]).countInCommon(with: text) == count)
        for place in [0, 1, 511, 1023, 1024, 1500, 4999] where place < count {
            var other = text
            other[place] = -1
            #expect(text.countInCommon(with: other) == place && other[...].countInCommon(with: text[...]) == place)
        }
    }

    @Test func slicesAndOtherCollectionsAreCompared() {
        let text = (0..<3000).map { Token($0) }
        #expect(text[100...].countInCommon(with: text[100..<2500]) == 2400)
        #expect(text.countInCommon(with: text.reversed().reversed()) == 3000)
        #expect(text.lazy.map { $0 + 0 }.countInCommon(with: text) == 3000)
        #expect([1, 2, 3].countInCommon(with: [1, 2, 4] as [Int]) == 2)
    }
}
