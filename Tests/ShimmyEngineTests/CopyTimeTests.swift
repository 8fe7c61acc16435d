import ShimmyEngine
import Testing

@Suite struct CopyTimeTests {
    @Test func aStepCopiesNoMoreThanStreamsHaveTimeFor() {
        var time = CopyTime()
        #expect(time.allows(units: 1 << 20, within: 0.02))
        time.observe(units: 1000, seconds: 0.125)
        #expect(!time.allows(units: 1, within: 0.02))
        time.beginStep()
        #expect(time.allows(units: 100, within: 0.02) && !time.allows(units: 200, within: 0.02))
    }
}
