import ShimmyChat
import ShimmyJSON
import ShimmyUpstreams

/// Targets that read what other servers send.
let upstreamTargets: [Target] = [
    // The first byte determines the dialect, the number of choices and how the rest is split. The split must not change the result.
    Target(name: "upstream") { bytes in
        guard let first = bytes.first else { return }
        let whole = ReadAnswer(bytes.dropFirst(), size: bytes.count, options: first)
        let parts = ReadAnswer(bytes.dropFirst(), size: Int(first >> 4) + 1, options: first)
        Harness.require(whole == parts, "an answer depends on how its bytes arrive")
        whole.check()
    }
]

/// What is read of an answer whose bytes arrive in pieces.
private struct ReadAnswer: Equatable {
    private(set) var events: [AnswerEvent] = []
    private(set) var failure: UpstreamFailure?
    private let choices: Int

    init(_ bytes: ArraySlice<UInt8>, size: Int, options: UInt8) {
        choices = options & 3 == 2 ? 3 : 1
        var stream = EventStream(upstream: "box", eventBytes: 8 << 20, answerBytes: 64 << 20)
        let splits = options & 4 != 0
        var chunks: any AnswerChunks =
            if options & 1 == 0 {
                ChatChunks(upstream: "box", choices: choices, splitsReasoning: splits, stops: options & 8 != 0 ? ["stop", "\n\n"] : [])
            } else if options & 2 == 0 {
                MessageChunks(upstream: "box")
            } else {
                ResponseChunks(upstream: "box", splitsReasoning: splits)
            }
        do {
            var rest = bytes
            while !rest.isEmpty, !chunks.isDone {
                for data in try stream.push(Array(rest.prefix(size))) where !chunks.isDone { try read(data, &chunks) }
                rest = rest.dropFirst(size)
            }
            if !chunks.isDone { events += try chunks.end(isMarked: false) }
        } catch let error as UpstreamFailure {
            failure = error
        } catch {
            fatalError("\(error)")
        }
    }

    private mutating func read(_ data: [UInt8], _ chunks: inout any AnswerChunks) throws {
        if data == Array("[DONE]".utf8) {
            events += try chunks.end(isMarked: true)
        } else if let json = try? JSON.parse(data, limits: JSONLimits(depth: 64)) {
            events += try chunks.push(json)
        }
    }

    /// Checks the rules of an answer's events.
    func check() {
        var calls = [Int](repeating: 0, count: choices)
        var finished: Set<Int> = []
        for event in events {
            switch event {
            case .delta(let choice, let delta):
                Harness.require((0..<choices).contains(choice) && !finished.contains(choice), "a part of a choice that has ended")
                switch delta {
                case .content(let text, _), .reasoning(let text): Harness.require(!text.isEmpty, "an empty text")
                case .call(let index, _, let name):
                    Harness.require(index == calls[choice] && !name.isEmpty, "a call out of order, or without a name")
                    calls[choice] += 1
                case .arguments(let index, let text):
                    Harness.require(index == calls[choice] - 1 && !text.isEmpty, "arguments of another call")
                }
            case .finished(let choice, _): Harness.require(finished.insert(choice).inserted, "a choice ends twice")
            case .prompt, .idle, .fact, .ended: break
            }
        }
        if failure == nil { Harness.require(finished.count == choices, "a complete answer lacks the end of a choice") }
    }
}
