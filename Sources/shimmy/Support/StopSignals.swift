import Dispatch

#if canImport(Glibc)
    import Glibc
#else
    import Darwin
#endif

/// SIGINT and SIGTERM: the first one asks to stop, the second one means now.
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

    /// `@unchecked Sendable`: only touched on the signals' serial queue.
    private final class Counter: @unchecked Sendable {
        private var count = 0

        func next() -> Int {
            count += 1
            return count
        }
    }
}
