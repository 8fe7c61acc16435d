import ShimmyCore
import Testing

/// The servers that a request has passed.
@Suite struct HopTrailTests {
    @Test func aRequestOfAClientHasPassedNone() {
        let trail = HopTrail(header: nil)
        #expect(trail == HopTrail() && !trail.isLoop && !trail.isFull && trail.nextHeader == HopTrail.ownID)
    }

    @Test func eachServerAddsItsID() {
        let trail = HopTrail(header: "a, b")
        #expect(trail.ids == ["a", "b"] && trail.nextHeader == "a,b,\(HopTrail.ownID)")
        #expect(HopTrail(header: trail.nextHeader).isLoop)
    }

    @Test func aLongHeaderIsCut() {
        let trail = HopTrail(header: String(repeating: "x", count: 10_000) + "," + String(repeating: "y,", count: 100))
        #expect(trail.ids.count <= HopTrail.limit && trail.ids.allSatisfy { $0.utf8.count <= 32 })
        let many = HopTrail(header: Array(repeating: "y", count: 100).joined(separator: ","))
        #expect(many.isFull && many.ids.count == HopTrail.limit)
        #expect(HopTrail(header: "a\r\nx: b").ids == ["axb"])
    }
}
