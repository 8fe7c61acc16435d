import Dispatch

#if canImport(Glibc)
    import Glibc
#else
    import Darwin
#endif

/// A handler of SIGINT and SIGTERM: the first signal asks the program to stop, the second one exits at once.
final class StopSignals {
    private var sources: [any DispatchSourceSignal] = []

    init(onFirst: @escaping @Sendable () -> Void) {
        let queue = DispatchQueue(label: "signals")
        let seen = Counter()
        for number in [SIGINT, SIGTERM] {
            signal(number, SIG_IGN)
            let source = DispatchSource.makeSignalSource(signal: number, queue: queue)
            source.setEventHandler {
                if seen.next() == 1 { onFirst() } else { _exit(128 + number) }
            }
            source.resume()
            sources.append(source)
        }
    }

    /// `@unchecked Sendable`: it is accessed only on the serial queue of the signals.
    private final class Counter: @unchecked Sendable {
        private var count = 0

        func next() -> Int {
            count += 1
            return count
        }
    }
}
