import ShimmyEngine
import Testing

/// Admission to a full queue.
@Suite struct QueuePlacesTests {
    private let busy = Owner("busy")
    private let other = Owner("other")

    @Test func oneThatSendsWithoutEndDoesNotLockTheOthersOut() {
        var places = QueuePlaces()
        #expect((0..<20).map { _ in places.take(1, for: busy, limit: 10, kept: 2) } == Array(repeating: 0, count: 8) + Array(repeating: 1, count: 12))
        #expect(places.take(1, for: other, limit: 10, kept: 2) == 0)
        #expect(places.take(1, for: other, limit: 10, kept: 2) == 2, "what is kept is for those who have nothing")
        #expect(places.take(1, for: Owner("third"), limit: 10, kept: 2) == 0)
        #expect(places.take(1, for: Owner("fourth"), limit: 10, kept: 2) == 1)
    }

    @Test func placesComeBack() {
        var places = QueuePlaces()
        #expect(places.take(4, for: busy, limit: 4, kept: 1) == 0, "who has nothing may take all")
        #expect(places.take(2, for: other, limit: 4, kept: 1) == 2)
        places.giveBack(3, of: busy)
        #expect(places.take(2, for: other, limit: 4, kept: 1) == 0 && !places.isEmpty)
        places.giveBack(1, of: busy)
        places.giveBack(2, of: other)
        #expect(places.isEmpty && places.take(4, for: busy, limit: 4, kept: 1) == 0)
    }

    @Test func allOrNone() {
        var places = QueuePlaces()
        #expect(places.take(5, for: busy, limit: 4, kept: 1) == 1 && places.isEmpty)
    }
}
