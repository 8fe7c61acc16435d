import Foundation
import ShimmyCore

/// The resources that this process uses; nil where the system does not report them.
struct ProcessFigures: Sendable {
    /// The time at which the server was made, in seconds since 1970.
    static let started = UnixTime.now

    let processorSeconds: Double
    let residentBytes: Int?
    let openFiles: Int?

    /// Reads the figures. Must run on a thread that may wait.
    init() {
        processorSeconds = WorkClock.processTime() / .seconds(1)
        residentBytes = (try? String(contentsOfFile: "/proc/self/status", encoding: .utf8)).flatMap { Self.residentBytes(in: $0) }
        openFiles = (try? FileManager.default.contentsOfDirectory(atPath: "/dev/fd"))?.count
    }

    /// Returns the resident memory in the text of `/proc/self/status`, as in `VmRSS:   12345 kB`.
    private static func residentBytes(in status: String) -> Int? {
        let line = status.split(separator: "\n").first { $0.hasPrefix("VmRSS:") }
        let number = line?.split(whereSeparator: \.isWhitespace).dropFirst().first
        return number.flatMap { Int($0) }.map { $0 * 1024 }
    }
}
