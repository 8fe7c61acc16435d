import Foundation
import ShimmyEngine
import ShimmyIsolation
import Synchronization

#if canImport(Glibc)
    import Glibc
#else
    import Darwin
#endif

/// The server that started this process. It holds the other end of the standard input, which the system closes when the server ends, however it
/// ends.
enum ParentProcess {
    /// Seconds after the end of the server in which this process must end.
    private static let patience: UInt32 = 5
    /// Held while a report is written, so that reports of two threads do not mix.
    private static let output = Mutex(())

    /// Reads the order from the standard input, without the bytes after it; nil if there is none.
    static func order() async throws -> EngineOrder? {
        try await onOwnThread(named: "order") {
            var line: [UInt8] = []
            var buffer = [UInt8](repeating: 0, count: 64 << 10)
            while line.count <= EngineOrder.longestLine {
                let count = bytes(&buffer)
                guard count > 0 else { return nil }
                line += buffer[..<count]
                // Nothing follows the line.
                if line.last == UInt8(ascii: "\n") { return EngineOrder(line: line) }
            }
            return nil
        }
    }

    /// Waits for the end of the server on a thread of its own. Then calls `onEnd`, which must end this process.
    static func watch(onEnd: @escaping @Sendable () -> Void) {
        Thread.detachNewThread {
            var buffer = [UInt8](repeating: 0, count: 1024)
            while bytes(&buffer) > 0 {}
            onEnd()
            sleep(patience)
            _exit(0)
        }
    }

    /// Writes a report to the standard output.
    static func tell(_ report: EngineReport) {
        let line = String(decoding: report.line, as: UTF8.self)
        output.withLock { _ in Console.print(line, terminator: "") }
    }

    /// Reports statistics until this process ends, on a thread of its own.
    static func report(_ statistics: @escaping @Sendable () -> EngineStatistics) {
        Thread.detachNewThread {
            var reports = StatisticsReports()
            while true {
                if let report = reports.next(statistics(), at: ProcessInfo.processInfo.systemUptime) { tell(report) }
                Thread.sleep(forTimeInterval: StatisticsReports.interval)
            }
        }
    }

    /// Reads bytes from the standard input. Returns their number; 0 at the end and after an error.
    private static func bytes(_ buffer: inout [UInt8]) -> Int {
        while true {
            let count = buffer.withUnsafeMutableBytes { read(0, $0.baseAddress, $0.count) }
            if count < 0, errno == EINTR { continue }
            return max(0, count)
        }
    }
}
