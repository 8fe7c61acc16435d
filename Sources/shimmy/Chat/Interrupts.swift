import Dispatch
import Foundation
import Synchronization

/// ctrl-c in a conversation: it stops what is being done, and does nothing where nothing is. Before the conversation has begun, while its model
/// is loaded, it ends the program.
final class Interrupts {
    private let source: any DispatchSourceSignal
    private let meaning = Meaning()
    /// What a shell says of a program that ctrl-c ended.
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

    /// From now on there is something to lose: an interrupt that comes too late for an answer must not take the conversation with it.
    func beginConversation() { meaning.beginConversation() }

    /// - perform: what an interrupt does from now on; nil where nothing can be stopped.
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
