import Foundation

/// How much memory this process may take.
package enum MachineMemory {
    /// Bytes of the machine, or of the container where that has less.
    package static var totalBytes: Int {
        let machine = Int(clamping: ProcessInfo.processInfo.physicalMemory)
        // cgroup v2 and v1; "max" and absurdly large numbers mean no limit.
        let limits = ["/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes"].compactMap { path in
            (try? String(contentsOfFile: path, encoding: .utf8)).flatMap { Int($0.filter(\.isNumber)) }
        }
        return ([machine] + limits.filter { $0 > 0 }).min() ?? machine
    }

    /// What models may take unless told otherwise: most of it, with room for the system and for others.
    package static var defaultBudget: Int { totalBytes / 10 * 8 }
}
