import Dispatch

#if canImport(Glibc)
    import Glibc
#else
    import Darwin
#endif

/// SIGHUP, by which programs are told to read their configuration again. When the terminal is gone that the program was started from, the
/// same signal says so, and ends it.
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
