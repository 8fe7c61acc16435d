#if canImport(Glibc)
    import Glibc
#else
    import Darwin
#endif

/// The clocks that a work budget reads. Tests replace them.
package struct WorkClock: Sendable {
    /// Returns the time that has passed since a fixed instant.
    package var wall: @Sendable () -> Duration
    /// Returns the processor time that the calling thread has used.
    package var thread: @Sendable () -> Duration

    package init(wall: @escaping @Sendable () -> Duration, thread: @escaping @Sendable () -> Duration) {
        self.wall = wall
        self.thread = thread
    }

    /// The clocks of the machine.
    package static let system = WorkClock(wall: { ContinuousClock.now - start }, thread: { time(of: CLOCK_THREAD_CPUTIME_ID) })

    private static let start = ContinuousClock.now

    /// Returns the processor time that all threads of the process have used.
    package static func processTime() -> Duration { time(of: CLOCK_PROCESS_CPUTIME_ID) }

    private static func time(of clock: clockid_t) -> Duration {
        var time = timespec()
        clock_gettime(clock, &time)
        return .seconds(time.tv_sec) + .nanoseconds(time.tv_nsec)
    }
}
