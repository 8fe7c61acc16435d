import ShimmyClient
import ShimmyEngine

/// Sends a question to a peer and prints the answer as it streams.
struct Asking {
    let peer: any ChatPeer
    let style: AnswerPrinter.Style
    /// The handler of Ctrl-C; nil if Ctrl-C ends the program.
    let interrupts: Interrupts?

    struct Outcome {
        var text = ""
        var reasoning = ""
        var calls: [ToolCall] = []
        var reason: String?
        var times: ChatTimes?
        var wasInterrupted = false
        var error: ClientError?
    }

    /// Sends the session's last question and returns the answer.
    /// - prints: whether to print the answer as it streams.
    func ask(_ session: ChatSession, prints: Bool = true) async -> Outcome {
        let (events, sink) = AsyncThrowingStream<ChatEvent, any Error>.makeStream()
        let begun = ContinuousClock.now
        let work = Task { [peer] in
            do {
                let request = session.request(recommended: await peer.sampling(session.model))
                try await peer.answer(request) { sink.yield($0) }
                sink.finish()
            } catch {
                sink.finish(throwing: error)
            }
        }
        interrupts?.set { work.cancel() }
        defer { interrupts?.set(nil) }
        var outcome = Outcome()
        var printer = AnswerPrinter(style: style)
        let status = StatusLine()
        var firstToken: Double?
        do {
            for try await event in events {
                if case .waiting = event {} else { status.clear() }
                if prints { Console.print(printer.text(for: event), terminator: "") }
                switch event {
                case .reasoning(let text): outcome.reasoning += text
                case .content(let text): outcome.text += text
                case .call(let part): ToolCall.add(part, to: &outcome.calls)
                case .waiting(let what):
                    status.show(what)
                    continue
                case .finished(let reason): outcome.reason = reason
                case .usage(let usage):
                    let total = (ContinuousClock.now - begun) / .seconds(1)
                    outcome.times = ChatTimes(usage: usage, firstToken: firstToken ?? total, total: total)
                    continue
                }
                firstToken = firstToken ?? (ContinuousClock.now - begun) / .seconds(1)
            }
            outcome.wasInterrupted = work.isCancelled
        } catch let error as ClientError {
            outcome.error = error
        } catch is CancellationError {
            outcome.wasInterrupted = true
        } catch {
            outcome.error = .unreadable("\(error)")
        }
        status.clear()
        if prints, outcome.error == nil || !outcome.text.isEmpty { Console.print(printer.end(), terminator: "") }
        return outcome
    }
}
