import Dispatch
import Foundation
import Synchronization

/// ctrl-c in a conversation: it stops what is being done, and the program only where nothing is.
final class Interrupts {
    private let source: any DispatchSourceSignal
    private let action = Action()
    /// What a shell says of a program that ctrl-c ended.
    private static let exitStatus: Int32 = 130

    init() {
        signal(SIGINT, SIG_IGN)
        source = DispatchSource.makeSignalSource(signal: SIGINT, queue: .global())
        source.setEventHandler { [action] in
            guard let perform = action.current else { exit(Self.exitStatus) }
            perform()
        }
        source.resume()
    }

    /// - perform: what an interrupt does from now on; nil to end the program.
    func set(_ perform: (@Sendable () -> Void)?) { action.set(perform) }

    private final class Action: Sendable {
        private let perform = Mutex<(@Sendable () -> Void)?>(nil)

        var current: (@Sendable () -> Void)? { perform.withLock { $0 } }
        func set(_ new: (@Sendable () -> Void)?) { perform.withLock { $0 = new } }
    }
}
