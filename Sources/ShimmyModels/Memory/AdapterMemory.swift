import ShimmyFormats
import Synchronization

/// The adapters that would be loaded with models, and their memory, read from headers before a load. Results are cached while the files do not
/// change, because every request that waits for its model needs them.
package final class AdapterMemory: Sendable {
    private struct Answer {
        let files: [FileTime?]
        let plan: AdapterPlan?
    }

    private let answers = Mutex<[[String]: Answer]>([:])

    package init() {}

    /// Returns the adapters' memory in bytes, or 0 if the model or a required adapter cannot be loaded; the load itself then reports the reason.
    /// - files: all files of the model.
    /// - candidates: the candidates for an `AdapterPlan`.
    package func bytes(files: [String], candidates: [LoRAAdapter]) -> Int { plan(files: files, candidates: candidates)?.sizeBytes ?? 0 }

    /// Returns the plan, or nil if the model or a required adapter cannot be loaded.
    package func plan(files: [String], candidates: [LoRAAdapter]) -> AdapterPlan? {
        if candidates.isEmpty { return AdapterPlan() }
        let question = files + candidates.flatMap { [$0.name, $0.path, "\($0.scale)", "\($0.isRequired)"] }
        let times = (files + candidates.map(\.path)).map(FileTime.init(path:))
        if let known = answers.withLock({ $0[question] }), known.files == times { return known.plan }
        let headers = files.compactMap { try? GGUFHeader.read(path: $0) }
        let plan = headers.count == files.count ? try? AdapterPlan(for: headers, candidates: candidates) : nil
        answers.withLock { $0[question] = Answer(files: times, plan: plan) }
        return plan
    }
}
