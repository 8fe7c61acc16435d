import Dispatch
import Foundation
import Synchronization

/// The handler of Ctrl-C (SIGINT). In a conversation it stops the operation in progress, and has no effect if there is none. Before the conversation
/// starts, while the model loads, it ends the program.
final class Interrupts {
    private let source: any DispatchSourceSignal
    private let meaning = Meaning()
    /// The exit status that shells report for a program that Ctrl-C ended.
    private static let exitStatus: Int32 = 130

    init() {
        signal(SIGINT, SIG_IGN)
        source = DispatchSource.makeSignalSource(signal: SIGINT, queue: .global())
        source.setEventHandler { [meaning] in
            let (perform, endsProgram) = meaning.current
            if let perform { perform() } else if endsProgram { exit(Self.exitStatus) }
        }
        source.resume()
    }

    /// Makes Ctrl-C keep the program alive from now on: an interrupt that arrives just after an answer must not end the conversation.
    func beginConversation() { meaning.beginConversation() }

    /// Sets the action of an interrupt.
    /// - perform: the action; nil if no operation is in progress.
    func set(_ perform: (@Sendable () -> Void)?) { meaning.set(perform) }

    private final class Meaning: Sendable {
        private struct State {
            var perform: (@Sendable () -> Void)?
            var endsProgram = true
        }

        private let state = Mutex(State())

        var current: (perform: (@Sendable () -> Void)?, endsProgram: Bool) { state.withLock { ($0.perform, $0.endsProgram) } }
        func set(_ new: (@Sendable () -> Void)?) { state.withLock { $0.perform = new } }
        func beginConversation() { state.withLock { $0.endsProgram = false } }
    }
}
