import Foundation
import Synchronization

#if canImport(Glibc)
    import Glibc
#else
    import Darwin
#endif

/// An event of a child process. `ended` comes once, after all others.
package enum EngineEvent: Sendable {
    case report(EngineReport)
    /// A line of the process's log.
    case log([UInt8])
    case ended(ProcessEnd)
}

/// A child process as its supervisor sees it.
package protocol EngineChild: Sendable {
    var identifier: Int32 { get }

    /// Asks the process to end by closing its standard input. The end of the parent closes it, too.
    func release()
    /// Ends the process at once.
    func destroy()
}

/// A function that starts a child process. It passes the events of the process to its second argument.
package typealias EngineLauncher = @Sendable (EngineOrder, @escaping @Sendable (EngineEvent) -> Void) throws -> any EngineChild

/// A running `shimmy engine`. Two threads read its output until it ends; they are blocked almost all the time.
package final class EngineProcess: EngineChild {
    /// The reason why a process cannot be started.
    package struct Failure: Error, CustomStringConvertible {
        package let description: String
    }

    private struct State {
        var identifier: Int32 = 0
        /// The descriptor of the process's standard input; nil after it was closed.
        var input: Int32?
        var end: ProcessEnd?
        /// The number of output streams that have not ended.
        var openStreams = 2
    }

    private let state: Mutex<State>
    private let tell: @Sendable (EngineEvent) -> Void

    private init(input: Int32, _ tell: @escaping @Sendable (EngineEvent) -> Void) {
        state = Mutex(State(input: input))
        self.tell = tell
    }

    /// Starts a process and sends it its order. Throws `Failure`.
    /// - program: the path of this program.
    package static func launch(
        _ program: String, _ order: EngineOrder, _ tell: @escaping @Sendable (EngineEvent) -> Void
    ) throws -> EngineProcess {
        // A write to a process that has ended must not end this one.
        signal(SIGPIPE, SIG_IGN)
        var pipes: [(reading: Int32, writing: Int32)] = []
        func closeAll() { for pipe in pipes { for end in [pipe.reading, pipe.writing] { close(end) } } }
        for _ in 0..<3 {
            var ends: [Int32] = [0, 0]
            guard pipe(&ends) == 0 else {
                let reason = String(cString: strerror(errno))
                closeAll()
                throw Failure(description: reason)
            }
            for end in ends { _ = fcntl(end, F_SETFD, FD_CLOEXEC) }
            pipes.append((ends[0], ends[1]))
        }
        let (input, output, log) = (pipes[0], pipes[1], pipes[2])
        let child = EngineProcess(input: input.writing, tell)
        let process = Process()
        process.executableURL = URL(fileURLWithPath: program)
        process.arguments = ["engine"]
        process.standardInput = FileHandle(fileDescriptor: input.reading, closeOnDealloc: false)
        process.standardOutput = FileHandle(fileDescriptor: output.writing, closeOnDealloc: false)
        process.standardError = FileHandle(fileDescriptor: log.writing, closeOnDealloc: false)
        process.terminationHandler = { process in
            let isSignal = process.terminationReason == .uncaughtSignal
            child.ended(isSignal ? .killed(signal: process.terminationStatus) : .exited(status: process.terminationStatus))
        }
        do {
            try process.run()
        } catch {
            closeAll()
            throw Failure(description: error.localizedDescription)
        }
        for end in [input.reading, output.writing, log.writing] { close(end) }
        let identifier = process.processIdentifier
        child.state.withLock { $0.identifier = identifier }
        child.read(output.reading, longest: EngineReport.longestLine) { EngineReport(line: $0).map(EngineEvent.report) }
        child.read(log.reading, longest: EngineLog.longestLine) { .log($0) }
        child.send(order.line, to: input.writing)
        return child
    }

    package var identifier: Int32 { state.withLock { $0.identifier } }

    package func release() {
        let input = state.withLock { state in
            defer { state.input = nil }
            return state.input
        }
        if let input { close(input) }
    }

    package func destroy() {
        // The id of a process that has ended can be that of another one.
        state.withLock { state in
            if state.end == nil, state.identifier > 0 { _ = kill(state.identifier, SIGKILL) }
        }
    }

    // MARK: Input and output

    /// Writes the order on a thread of its own, because a long one fills the pipe until the process reads it.
    private func send(_ bytes: [UInt8], to descriptor: Int32) {
        // A copy, so that `release` in the meantime cannot make this write into another file.
        let copy = dup(descriptor)
        guard copy >= 0 else { return release() }
        _ = fcntl(copy, F_SETFD, FD_CLOEXEC)
        Thread.detachNewThread {
            var rest = bytes[...]
            while !rest.isEmpty {
                let count = rest.withUnsafeBytes { write(copy, $0.baseAddress, $0.count) }
                if count < 0, errno == EINTR { continue }
                guard count > 0 else { break }
                rest = rest.dropFirst(count)
            }
            close(copy)
        }
    }

    /// Reads lines on a thread of its own until the end of the stream. Keeps only the beginning of a longer line.
    private func read(_ descriptor: Int32, longest: Int, _ event: @escaping @Sendable ([UInt8]) -> EngineEvent?) {
        Thread.detachNewThread { [self] in
            var lines = LineSplitter(longest: longest)
            var buffer = [UInt8](repeating: 0, count: 64 << 10)
            while true {
                let count = Self.bytes(descriptor, &buffer)
                if count < 0, errno == EINTR { continue }
                guard count > 0 else { break }
                for line in lines.take(buffer[..<count]) { if let event = event(line) { tell(event) } }
            }
            if let line = lines.rest, let event = event(line) { tell(event) }
            close(descriptor)
            finish { $0.openStreams -= 1 }
        }
    }

    private static func bytes(_ descriptor: Int32, _ buffer: inout [UInt8]) -> Int {
        buffer.withUnsafeMutableBytes { bytes in
            #if canImport(Glibc)
                Glibc.read(descriptor, bytes.baseAddress, bytes.count)
            #else
                Darwin.read(descriptor, bytes.baseAddress, bytes.count)
            #endif
        }
    }

    private func ended(_ end: ProcessEnd) { finish { $0.end = end } }

    /// Reports the end once the process has ended and all of its output is read.
    private func finish(_ change: (inout State) -> Void) {
        let end = state.withLock { state -> ProcessEnd? in
            change(&state)
            return state.openStreams == 0 ? state.end : nil
        }
        guard let end else { return }
        release()
        tell(.ended(end))
    }
}
