#if canImport(Glibc)
    import Glibc
#else
    import Darwin
#endif

/// How a child process ended.
package enum ProcessEnd: Sendable, Equatable {
    case exited(status: Int32)
    case killed(signal: Int32)
    /// The process could not be started.
    case notStarted(String)

    /// Returns the reason for people.
    /// - limit: the memory limit of the process in bytes; nil for none.
    package func description(memoryLimit limit: Int?) -> String {
        let hint = limit.map { "; its memory limit is \($0) bytes (isolation_memory)" } ?? ""
        switch self {
        case .exited(let status): return "exit status \(status)\(status == 0 ? "" : hint)"
        case .killed(let signal):
            let name = Self.names[signal].map { " (\($0))" } ?? ""
            // The kernel ends a process with this signal when memory runs out; people and service managers use it, too.
            let cause = signal == SIGKILL ? ", as when the system runs out of memory" : ""
            return "killed by signal \(signal)\(name)\(cause)\(hint)"
        case .notStarted(let reason): return "it could not be started: \(reason)"
        }
    }

    private static let names: [Int32: String] = [
        SIGABRT: "SIGABRT", SIGBUS: "SIGBUS", SIGFPE: "SIGFPE", SIGILL: "SIGILL", SIGKILL: "SIGKILL", SIGSEGV: "SIGSEGV", SIGTERM: "SIGTERM",
        SIGTRAP: "SIGTRAP",
    ]
}
