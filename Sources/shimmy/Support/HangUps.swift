import Dispatch

#if canImport(Glibc)
    import Glibc
#else
    import Darwin
#endif

/// A stream of SIGHUP signals, each of which asks the server to reload its configuration. The system also sends SIGHUP when the terminal closes in
/// which the program was started; in that case the program stops (SIGTERM).
final class HangUps {
    let signals: AsyncStream<Void>
    private let source: any DispatchSourceSignal

    init() {
        let (signals, tell) = AsyncStream.makeStream(of: Void.self, bufferingPolicy: .bufferingNewest(1))
        self.signals = signals
        let hasTerminal = isatty(2) == 1
        signal(SIGHUP, SIG_IGN)
        source = DispatchSource.makeSignalSource(signal: SIGHUP, queue: DispatchQueue(label: "hang-ups"))
        source.setEventHandler {
            if hasTerminal, isatty(2) == 0 { kill(getpid(), SIGTERM) } else { tell.yield() }
        }
        source.resume()
    }
}
