import ShimmyChat
import ShimmyCore

/// The events of an answer that an upstream makes, of one or several responses.
struct AnswerStream: Sendable {
    private let group: ExchangeGroup
    private let sent = ContinuousClock.now
    private var lanes: [AnswerLane]
    private var queue: [AnswerEvent] = []
    private var position = 0
    /// The choices that have not ended.
    private var running: Set<Int>
    private var hasEnded = false
    /// Whether the responses after the first have the same prompt, so that its tokens count once.
    private let sharesPrompt: Bool

    init(_ group: ExchangeGroup, _ lanes: [AnswerLane], sharesPrompt: Bool) {
        self.group = group
        self.lanes = lanes
        self.sharesPrompt = sharesPrompt
        running = Set(lanes.flatMap { Array($0.choices) })
    }

    var canceller: Answer.Canceller { Answer.Canceller(onCancel: group.cancel, onNudge: group.nudge) }

    /// The upstream's `system_fingerprint`; nil if it has given none.
    var fingerprint: String? { lanes.first?.chunks.fingerprint }

    /// Waits for the first event of each response, so that all earlier failures are found.
    mutating func begin() async throws {
        for index in lanes.indices {
            while !lanes[index].hasEvents, !lanes[index].isOver {
                guard case .piece(_, let piece) = try await group.next(of: [index]) else { continue }
                try await read(piece, index)
            }
        }
    }

    /// Reads the answer before any of it is passed on, as far as `hold` says. Returns all events; nil if the answer has more than `limit` bytes or
    /// other parts. `next` returns the events that were read again.
    mutating func readAhead(_ hold: AnswerForm.Hold, limit: Int) async throws -> [AnswerEvent]? {
        if hold == .nothing { return nil }
        var (events, bytes, isHeld): ([AnswerEvent], Int, Bool) = ([], 0, true)
        while isHeld, let event = try await next() {
            if event == .idle { continue }
            events.append(event)
            guard case .delta(_, let delta) = event else { continue }
            bytes += delta.size
            isHeld = bytes <= limit && hold.continues(after: delta)
        }
        queue = events + queue[position...]
        position = 0
        return isHeld ? events : nil
    }

    /// Returns the next event; nil after `ended`. Throws `UpstreamFailure` or `CancellationError`.
    mutating func next() async throws -> AnswerEvent? {
        while position == queue.count {
            (queue, position) = ([], 0)
            let open = lanes.indices.filter { !lanes[$0].isOver }
            if open.isEmpty {
                if hasEnded { return nil }
                hasEnded = true
                return .ended(usage)
            }
            switch try await group.next(of: open) {
            case .nudge: return .idle
            case .piece(let index, let piece): try await read(piece, index)
            }
        }
        defer { position += 1 }
        return queue[position]
    }

    private mutating func read(_ piece: Exchange.Piece, _ index: Int) async throws {
        let isFirst = !lanes[index].hasEvents
        let events: [AnswerEvent]
        do {
            events = try await lanes[index].push(piece)
        } catch {
            group.cancel()
            throw error
        }
        if isFirst, lanes[index].hasEvents { addFirstFacts(index) }
        queue += events
        for case .finished(let choice, _) in events { running.remove(choice) }
        if lanes[index].isOver {
            group.finish(index)
        } else if running.isDisjoint(with: lanes[index].choices), lanes[index].isCut {
            // A stop string that only this server looks for has ended the choices.
            lanes[index].close()
            group.close(index)
        }
    }

    private mutating func addFirstFacts(_ index: Int) {
        var usage = lanes[index].chunks.usage ?? Usage(promptTokens: 0, cachedPromptTokens: 0, completionTokens: 0)
        (usage.completionTokens, usage.reasoningTokens) = (0, 0)
        for choice in lanes[index].choices {
            queue.append(.fact(choice: choice, .begun(sent)))
            queue.append(.fact(choice: choice, .promptComputed(usage)))
        }
    }

    /// The counts that the upstream did not report.
    var missingCounts: UsageEstimate.Missing {
        let counts = lanes.map(\.chunks.usage)
        let prompts = sharesPrompt ? counts.prefix(1) : counts[...]
        return UsageEstimate.Missing(
            prompt: prompts.contains { $0?.promptTokens ?? 0 == 0 }, answer: counts.contains { $0?.completionTokens ?? 0 == 0 })
    }

    private var usage: Usage {
        var sum = Usage(promptTokens: 0, cachedPromptTokens: 0, completionTokens: 0)
        for (index, usage) in lanes.map(\.chunks.usage).enumerated() {
            guard let usage else { continue }
            if index == 0 || !sharesPrompt {
                sum.promptTokens = sum.promptTokens.saturated(adding: usage.promptTokens)
                sum.cachedPromptTokens = sum.cachedPromptTokens.saturated(adding: usage.cachedPromptTokens)
            }
            sum.completionTokens = sum.completionTokens.saturated(adding: usage.completionTokens)
            sum.reasoningTokens = sum.reasoningTokens.saturated(adding: usage.reasoningTokens)
            sum.prediction.accepted = sum.prediction.accepted.saturated(adding: usage.prediction.accepted)
            sum.prediction.rejected = sum.prediction.rejected.saturated(adding: usage.prediction.rejected)
        }
        return sum
    }
}
