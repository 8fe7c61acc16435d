import ShimmyServer
import Testing

@Suite struct NewestNewsTests {
    /// Returns all taken elements: a value, or nil for a keep-alive.
    private func takeAll(_ news: NewestNews<Int>) async -> [Int?] {
        var taken: [Int?] = []
        for await _ in news.wakes {
            switch news.take() {
            case .value(let value): taken.append(value)
            case .life: taken.append(nil)
            case nil: break
            }
        }
        return taken
    }

    @Test func onlyTheNewestIsHandedOn() async {
        let news = NewestNews<Int>()
        news.tell(1)
        news.tell(2)
        news.nudge()
        news.tell(3)
        news.finish()
        let taken = await takeAll(news)
        #expect(taken == [3])
    }

    @Test func whereNothingIsNewLifeIsShown() async {
        let news = NewestNews<Int>()
        news.nudge()
        news.nudge()
        news.finish()
        let taken = await takeAll(news)
        #expect(taken == [nil])
    }

    @Test func whatWasTakenIsNotTakenAgain() {
        let news = NewestNews<Int>()
        news.tell(1)
        #expect(news.take() != nil)
        #expect(news.take() == nil)
    }
}
