import Foundation
import ShimmyAccounts
import ShimmyTestSupport
import Testing

/// The limits of keys, with a scripted clock.
@Suite struct QuotaTests {
    /// A time in milliseconds since the beginning of a day.
    private static func moment(_ milliseconds: Int, day: Int = 20_000) -> QuotaMoment {
        QuotaMoment(milliseconds: milliseconds, day: day, dayRemaining: 1000)
    }

    private static func granted(_ result: Result<QuotaGrant, QuotaRefusal>) -> QuotaGrant? { try? result.get() }

    private static func refusal(_ result: Result<QuotaGrant, QuotaRefusal>) -> QuotaRefusal? {
        if case .failure(let refusal) = result { refusal } else { nil }
    }

    @Test func requestsLeaveTheMinuteThatSlides() throws {
        var book = QuotaBook()
        let limits = AccessKey.Limits(requestsPerMinute: 2)
        #expect(Self.granted(book.admit("a", limits, tokens: 0, at: Self.moment(500))) != nil)
        #expect(Self.granted(book.admit("a", limits, tokens: 0, at: Self.moment(30_000))) != nil)
        let refusal = try #require(Self.refusal(book.admit("a", limits, tokens: 0, at: Self.moment(59_000))))
        #expect(refusal.kind == .requestsPerMinute && refusal.limit == 2 && refusal.used == 2)
        // The refused time is exact: a millisecond before it, the request is refused still.
        let next = 59_000 + refusal.wait
        #expect(next > 60_500 && next <= 61_500)
        #expect(Self.granted(book.admit("a", limits, tokens: 0, at: Self.moment(next - 1))) == nil)
        #expect(Self.granted(book.admit("a", limits, tokens: 0, at: Self.moment(next))) != nil)
        #expect(Self.granted(book.admit("b", limits, tokens: 0, at: Self.moment(next))) != nil)
    }

    @Test func tokensAreReservedAndThenSettled() throws {
        var book = QuotaBook()
        let limits = AccessKey.Limits(tokensPerMinute: 100)
        let first = try #require(Self.granted(book.admit("a", limits, tokens: 60, at: Self.moment(0))))
        #expect(Self.refusal(book.admit("a", limits, tokens: 60, at: Self.moment(0)))?.kind == .tokensPerMinute)
        let reserved = try #require(book.state("a", limits, at: Self.moment(0)).tokens)
        #expect(reserved.limit == 100 && reserved.remaining == 40 && reserved.reset == 61_000)
        book.settle(first, tokens: 10, keepsRequest: true, at: Self.moment(5000))
        #expect(book.state("a", limits, at: Self.moment(5000)).tokens?.remaining == 90)
        let second = try #require(Self.granted(book.admit("a", limits, tokens: 90, at: Self.moment(5000))))
        // More than the estimate was used: later requests wait for it.
        book.settle(second, tokens: 140, keepsRequest: true, at: Self.moment(6000))
        #expect(book.state("a", limits, at: Self.moment(6000)).tokens?.remaining == 0)
        let wait = try #require(Self.refusal(book.admit("a", limits, tokens: 1, at: Self.moment(6000)))).wait
        #expect(Self.granted(book.admit("a", limits, tokens: 1, at: Self.moment(6000 + wait))) != nil)
        // Work without tokens is not refused.
        #expect(Self.granted(book.admit("a", limits, tokens: 0, at: Self.moment(6000 + wait))) != nil)
    }

    @Test func eachLimitHasItsRest() throws {
        var book = QuotaBook()
        let limits = AccessKey.Limits(requestsPerMinute: 5, tokensPerMinute: 100, tokensPerDay: 1000, concurrency: 2)
        let fresh = book.use("a", limits, at: Self.moment(0))
        #expect(fresh.tokensPerDay?.remaining == 1000 && fresh.tokensPerDay?.reset == 0 && fresh.concurrency?.remaining == 2)
        let grant = try #require(Self.granted(book.admit("a", limits, tokens: 60, at: Self.moment(0))))
        let used = book.use("a", limits, at: Self.moment(0))
        #expect(used.requestsPerMinute?.remaining == 4 && used.tokensPerMinute?.remaining == 40)
        #expect(used.tokensPerDay?.limit == 1000 && used.tokensPerDay?.remaining == 940 && used.tokensPerDay?.reset == 1000)
        #expect(used.concurrency?.limit == 2 && used.concurrency?.remaining == 1 && used.concurrency?.reset == 0)
        book.settle(grant, tokens: 10, keepsRequest: true, at: Self.moment(10))
        let settled = book.use("a", limits, at: Self.moment(10))
        #expect(settled.tokensPerDay?.remaining == 990 && settled.concurrency?.remaining == 2 && settled.requestsPerMinute?.remaining == 4)
        let some = book.use("a", AccessKey.Limits(concurrency: 2), at: Self.moment(10))
        #expect(some.requestsPerMinute == nil && some.tokensPerMinute == nil && some.tokensPerDay == nil)
    }

    @Test func resumedWorkCountsAndIsNotRefused() throws {
        var book = QuotaBook()
        let limits = AccessKey.Limits(requestsPerMinute: 1, tokensPerDay: 10, concurrency: 1)
        let first = book.resume("a", tokens: 8, at: Self.moment(0))
        let second = book.resume("a", tokens: 8, at: Self.moment(0))
        // The day is used up, and the work is in progress.
        #expect(Self.refusal(book.admit("a", limits, tokens: 1, at: Self.moment(0)))?.kind == .tokensPerDay)
        #expect(Self.refusal(book.admit("a", limits, tokens: 0, at: Self.moment(0)))?.kind == .concurrency)
        book.settle(first, tokens: 4, keepsRequest: true, at: Self.moment(1000))
        book.settle(second, tokens: 0, keepsRequest: false, at: Self.moment(1000))
        // The requests counted for the process that admitted them.
        #expect(book.state("a", limits, at: Self.moment(1000)).requests?.remaining == 1)
        #expect(Self.granted(book.admit("a", limits, tokens: 6, at: Self.moment(1000)))?.tokens == 6)
        #expect(Self.refusal(book.admit("a", limits, tokens: 1, at: Self.moment(1000)))?.kind == .tokensPerDay)
    }

    @Test func aRequestAboveTheLimitGetsAMinuteOfItsOwn() throws {
        var book = QuotaBook()
        let limits = AccessKey.Limits(tokensPerMinute: 100)
        let grant = try #require(Self.granted(book.admit("a", limits, tokens: .max, at: Self.moment(0))))
        #expect(grant.tokens == 100)
        #expect(Self.granted(book.admit("a", limits, tokens: 1, at: Self.moment(1000))) == nil)
    }

    @Test func theDayBeginsAgainAtMidnight() throws {
        var book = QuotaBook()
        let limits = AccessKey.Limits(tokensPerDay: 100)
        let first = try #require(Self.granted(book.admit("a", limits, tokens: 70, at: Self.moment(0))))
        // The remaining tokens of the day are granted, even if they are fewer than the estimate.
        #expect(Self.granted(book.admit("a", limits, tokens: 70, at: Self.moment(1)))?.tokens == 30)
        let refusal = try #require(Self.refusal(book.admit("a", limits, tokens: 1, at: Self.moment(2))))
        #expect(refusal.kind == .tokensPerDay && refusal.wait == 1000)
        #expect(Self.granted(book.admit("a", limits, tokens: 100, at: Self.moment(3, day: 20_001)))?.tokens == 100)
        // An answer counts for the day on which it began.
        book.settle(first, tokens: 50, keepsRequest: true, at: Self.moment(4, day: 20_001))
        #expect(Self.granted(book.admit("a", limits, tokens: 1, at: Self.moment(5, day: 20_001))) == nil)
        // A clock that is set back does not grant the tokens of the day before.
        #expect(Self.granted(book.admit("a", limits, tokens: 1, at: Self.moment(6, day: 20_000))) == nil)
    }

    @Test func aRestartKeepsTheDay() {
        var book = QuotaBook()
        let limits = AccessKey.Limits(tokensPerDay: 100)
        book.restore(["a": 90, "b": 100], day: 20_000)
        #expect(Self.granted(book.admit("a", limits, tokens: 50, at: Self.moment(0)))?.tokens == 10)
        #expect(book.state("b", limits, at: Self.moment(0)).tokens?.remaining == 0)
        #expect(book.state("b", limits, at: Self.moment(1, day: 20_001)).tokens?.remaining == 100)
    }

    @Test func concurrencyEndsWithTheWork() throws {
        var book = QuotaBook()
        let limits = AccessKey.Limits(concurrency: 1)
        let grant = try #require(Self.granted(book.admit("a", limits, tokens: 9, at: Self.moment(0))))
        #expect(Self.refusal(book.admit("a", limits, tokens: 9, at: Self.moment(0)))?.kind == .concurrency)
        book.settle(grant, tokens: 0, keepsRequest: false, at: Self.moment(0))
        #expect(Self.granted(book.admit("a", limits, tokens: 9, at: Self.moment(0))) != nil)
    }

    @Test func memoryIsThatOfTheKeysInUse() throws {
        var book = QuotaBook()
        let limits = AccessKey.Limits(requestsPerMinute: 1)
        for index in 0..<10_000 {
            // A key each minute and a half, so that all earlier ones are without use.
            let now = Self.moment(index * 90_000)
            let grant = try #require(Self.granted(book.admit("key-\(index)", limits, tokens: 0, at: now)))
            book.settle(grant, tokens: 0, keepsRequest: true, at: now)
        }
        #expect(book.count <= 1025)
    }

    @Test func aReservationIsRaisedOrRefused() throws {
        var book = QuotaBook()
        let limits = AccessKey.Limits(tokensPerMinute: 100, tokensPerDay: 1000)
        let first = try #require(Self.granted(book.admit("a", limits, tokens: 10, at: Self.moment(0))))
        let second = try #require(Self.granted(book.admit("a", limits, tokens: 20, at: Self.moment(0))))
        // The raised part counts against the others at once.
        let raised = try #require(Self.granted(book.raise(first, limits, to: 70, atLeast: 60, at: Self.moment(2000))))
        #expect(raised.tokens == 70 && book.state("a", limits, at: Self.moment(2000)).tokens?.remaining == 10)
        let refusal = try #require(Self.refusal(book.raise(second, limits, to: 60, atLeast: 50, at: Self.moment(3000))))
        #expect(refusal.kind == .tokensPerMinute && refusal.used == 70 && refusal.needed == 50)
        // Nothing has changed; a part of the tokens is granted if the work can begin with it.
        let part = try #require(Self.granted(book.raise(second, limits, to: 60, atLeast: 25, at: Self.moment(3000))))
        #expect(part.tokens == 30 && book.state("a", limits, at: Self.moment(3000)).tokens?.remaining == 0)
        // A smaller need changes nothing.
        #expect(Self.granted(book.raise(part, limits, to: 5, atLeast: 5, at: Self.moment(3000))) == part)
        book.settle(raised, tokens: 0, keepsRequest: false, at: Self.moment(4000))
        book.settle(part, tokens: 30, keepsRequest: true, at: Self.moment(4000))
        #expect(book.state("a", limits, at: Self.moment(4000)).tokens?.remaining == 70)
        // The tokens count from the time at which they were raised.
        #expect(book.state("a", limits, at: Self.moment(62_000)).tokens?.remaining == 70)
        #expect(book.state("a", limits, at: Self.moment(64_000)).tokens?.remaining == 100)
    }

    @Test func aRaisedReservationHoldsTheDay() throws {
        var book = QuotaBook()
        let limits = AccessKey.Limits(tokensPerDay: 100)
        let grants = try (0..<3).map { _ in try #require(Self.granted(book.admit("a", limits, tokens: 10, at: Self.moment(0)))) }
        #expect(Self.granted(book.raise(grants[0], limits, to: 90, atLeast: 90, at: Self.moment(1))) == nil)
        #expect(Self.granted(book.raise(grants[0], limits, to: 90, atLeast: 11, at: Self.moment(1)))?.tokens == 80)
        #expect(Self.refusal(book.raise(grants[1], limits, to: 11, atLeast: 11, at: Self.moment(1)))?.kind == .tokensPerDay)
        // The tokens of a request count for the day on which it began.
        #expect(Self.granted(book.raise(grants[2], limits, to: 500, atLeast: 500, at: Self.moment(2, day: 20_001)))?.tokens == 500)
        #expect(book.state("a", limits, at: Self.moment(2, day: 20_001)).tokens?.remaining == 100)
    }

    private struct Running {
        var grant: QuotaGrant
        let admitted: Int
        /// The time from which the tokens count.
        var reserved: Int
    }

    /// Random work of one key: never more than a limit at once, in any minute or on a day, and returned work leaves no trace.
    @Test(arguments: 0..<40) func noLimitIsExceeded(seed: UInt64) {
        var random = SeededGenerator(seed: seed)
        let limits = AccessKey.Limits(
            requestsPerMinute: .random(in: 1...20, using: &random), tokensPerMinute: .random(in: 1...500, using: &random),
            tokensPerDay: .random(in: 1...3000, using: &random), concurrency: .random(in: 1...6, using: &random))
        var book = QuotaBook()
        var (now, running) = (Self.moment(0), [Running]())
        /// The time, the day and the tokens of everything that was kept.
        var kept: [(time: Int, reserved: Int, day: Int, tokens: Int)] = []
        for _ in 0..<600 {
            now.milliseconds += .random(in: 0...4000, using: &random)
            if Int.random(in: 0..<100, using: &random) == 0 { now.day += 1 }
            if Bool.random(using: &random), !running.isEmpty {
                let ended = running.remove(at: .random(in: 0..<running.count, using: &random))
                let isKept = Bool.random(using: &random)
                // The estimate bounds the use, as max tokens do.
                let used = isKept ? Int.random(in: 0...ended.grant.tokens, using: &random) : 0
                book.settle(ended.grant, tokens: used, keepsRequest: isKept, at: now)
                if isKept { kept.append((ended.admitted, ended.reserved, ended.grant.day, used)) }
            } else if Bool.random(using: &random), !running.isEmpty {
                let index = Int.random(in: 0..<running.count, using: &random)
                let least = Int.random(in: 0...600, using: &random)
                let before = book.state("a", limits, at: now)
                switch book.raise(running[index].grant, limits, to: least + .random(in: 0...50, using: &random), atLeast: least, at: now) {
                case .success(let grant):
                    #expect(grant.tokens >= least)
                    if grant != running[index].grant { running[index].reserved = now.milliseconds }
                    running[index].grant = grant
                case .failure: #expect(book.state("a", limits, at: now) == before)
                }
            } else if let grant = Self.granted(book.admit("a", limits, tokens: .random(in: 1...200, using: &random), at: now)) {
                running.append(Running(grant: grant, admitted: now.milliseconds, reserved: now.milliseconds))
            }
            let all = kept + running.map { (time: $0.admitted, reserved: $0.reserved, day: $0.grant.day, tokens: $0.grant.tokens) }
            let minute = all.filter { now.milliseconds - $0.time < 60_000 }
            let today = all.filter { $0.day == now.day }
            #expect(minute.count <= limits.requestsPerMinute!)
            #expect(all.filter { now.milliseconds - $0.reserved < 60_000 }.reduce(0) { $0 + $1.tokens } <= limits.tokensPerMinute!)
            #expect(today.reduce(0) { $0 + $1.tokens } <= limits.tokensPerDay!)
            #expect(running.count <= limits.concurrency!)
        }
        for work in running { book.settle(work.grant, tokens: 0, keepsRequest: false, at: now) }
        now.milliseconds += 61_000
        let state = book.state("a", limits, at: now)
        #expect(state.requests?.remaining == limits.requestsPerMinute && state.tokens?.remaining == limits.tokensPerMinute)
        #expect(state.requests?.reset == 0 && state.tokens?.reset == 0)
    }

    /// Exactly the limit is admitted, whoever comes first.
    @Test func threadsShareALimit() async {
        let quotas = Quotas { Self.moment(0) }
        let key = AccessKey(
            id: "a", name: "a", limits: AccessKey.Limits(requestsPerMinute: 100, concurrency: 1000), created: .init(timeIntervalSince1970: 0))
        let admitted = await withTaskGroup(of: Int.self) { group in
            for _ in 0..<64 {
                group.addTask { (0..<50).count { _ in (try? quotas.admit(key, tokens: 1)) != nil } }
            }
            return await group.reduce(0, +)
        }
        #expect(admitted == 100)
        #expect(quotas.state(key).requests?.remaining == 0)
    }
}
