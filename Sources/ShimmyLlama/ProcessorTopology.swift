#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// Detects how many threads can compute without slowing each other down.
package enum ProcessorTopology {
    /// The number of cores, not of hyperthreads: two threads of one core share the units that ggml's kernels keep busy.
    package static var physicalCores: Int {
        let processors = ProcessInfo.processInfo.activeProcessorCount
        #if os(Linux)
            let siblings = Set(
                (0..<processors).compactMap {
                    try? String(contentsOfFile: "/sys/devices/system/cpu/cpu\($0)/topology/thread_siblings_list", encoding: .utf8)
                })
            return max(1, siblings.isEmpty ? processors : min(siblings.count, processors))
        #else
            return max(1, processors)
        #endif
    }
}
