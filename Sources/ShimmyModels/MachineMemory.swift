import Foundation

/// The memory that this process may use.
package enum MachineMemory {
    /// The memory of the machine, or of the container if the container's limit is lower, in bytes.
    package static var totalBytes: Int {
        let machine = Int(clamping: ProcessInfo.processInfo.physicalMemory)
        // The limits of cgroup v2 and v1; "max" and huge numbers mean unlimited.
        let limits = ["/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes"].compactMap { path in
            (try? String(contentsOfFile: path, encoding: .utf8)).flatMap { Int($0.filter(\.isNumber)) }
        }
        return ([machine] + limits.filter { $0 > 0 }).min() ?? machine
    }

    /// The default memory budget for models, in bytes: 80 % of the total, which leaves room for the system and for other programs.
    package static var defaultBudget: Int { totalBytes / 10 * 8 }
}
