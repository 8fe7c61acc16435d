import ShimmyCore
import ShimmyEngine
import Testing

/// Several streams that one task reads.
@Suite(.timeLimit(.minutes(1))) struct StreamGroupTests {
    private func streams(_ count: Int) -> (streams: [TokenStream], group: StreamGroup) {
        let streams = (0..<count).map { _ in TokenStream() }
        return (streams, StreamGroup(streams))
    }

    @Test func newsComesInItsOrderAndTogetherPerStream() async throws {
        let (streams, group) = streams(3)
        streams[2].yield(20)
        streams[0].yield(1)
        streams[2].yield(21)
        #expect(try await group.next() == .delivery(2, TokenDelivery(tokens: [20, 21])))
        #expect(try await group.next() == .delivery(0, TokenDelivery(tokens: [1])))
        streams[1].finish(SequenceEnd(reason: .length, generated: 0))
        #expect(try await group.next() == .delivery(1, TokenDelivery(end: SequenceEnd(reason: .length, generated: 0))))
    }

    @Test func newsFromBeforeTheGroupIsNotLost() async throws {
        let stream = TokenStream()
        stream.yield(7)
        #expect(try await StreamGroup([stream]).next() == .delivery(0, TokenDelivery(tokens: [7])))
    }

    @Test func aFailureBehindTokensIsNotLost() async throws {
        struct Mistake: Error {}
        let (streams, group) = streams(2)
        streams[0].yield(7)
        streams[0].fail(Mistake())
        #expect(try await group.next() == .delivery(0, TokenDelivery(tokens: [7])))
        await #expect(throws: Mistake.self) { try await group.next() }
    }

    /// Several nudges cause one wake-up, and a nudge works even if some streams have ended.
    @Test func aNudgeWakesTheConsumerWhicheverStreamsRun() async throws {
        let (streams, group) = streams(2)
        streams[0].finish(SequenceEnd(reason: .stop, generated: 0))
        _ = try await group.next()
        group.nudge()
        group.nudge()
        #expect(try await group.next() == .nudge)
        let waiting = Task { try await group.next() }
        streams[1].yield(5)
        #expect(try await waiting.value == .delivery(1, TokenDelivery(tokens: [5])))
        group.nudge()
        streams[1].yield(6)
        #expect(try await group.next() == .delivery(1, TokenDelivery(tokens: [6])), "news is a sign of life")
    }

    @Test func aClosedStreamIsCancelledAndSilent() async throws {
        let (streams, group) = streams(2)
        streams[0].yield(1)
        group.close(0)
        streams[0].yield(2)
        streams[1].yield(3)
        #expect(try await group.next() == .delivery(1, TokenDelivery(tokens: [3])))
        await #expect(throws: CancellationError.self) { try await streams[0].next() }
    }

    @Test func anErrorOfOneStreamIsTheGroups() async throws {
        let (streams, group) = streams(2)
        streams[1].fail(EngineError("broken"))
        await #expect(throws: EngineError("broken")) { try await group.next() }
    }

    @Test func cancellingTheConsumersTaskCancelsAllStreams() async throws {
        let (streams, group) = streams(3)
        let task = Task { try await group.next() }
        task.cancel()
        await #expect(throws: CancellationError.self) { try await task.value }
        for stream in streams { await #expect(throws: CancellationError.self) { try await stream.next() } }
    }

    @Test func aDroppedGroupKeepsNoStream() {
        let (first, second) = (Counter(), Counter())
        var streams = [TokenStream(onCancel: first.count), TokenStream(onCancel: second.count)]
        var group: StreamGroup? = StreamGroup(streams)
        streams = []
        #expect(first.value == 0 && group?.count == 2)
        group = nil
        #expect(first.value == 1 && second.value == 1)
    }

    /// If a consumer does not read while another thread keeps yielding, one delivery contains all waiting tokens.
    @Test func aSlowConsumerGetsLargerDeliveries() async throws {
        let (streams, group) = streams(8)
        for token in 0..<1000 as Range<Token> { for stream in streams { stream.yield(token) } }
        for index in 0..<8 { #expect(try await group.next() == .delivery(index, TokenDelivery(tokens: Array(0..<1000)))) }
    }

    private final class Counter: @unchecked Sendable {
        private(set) var value = 0
        func count() { value += 1 }
    }
}
