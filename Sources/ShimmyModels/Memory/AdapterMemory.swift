import Synchronization

/// Which adapters models would be loaded with, and what these would take, told from headers before anything is loaded. What was read is
/// remembered for as long as the files stay as they are: this is asked for every request that waits for its model.
package final class AdapterMemory: Sendable {
    private struct Answer {
        let files: [FileTime?]
        let plan: AdapterPlan?
    }

    private let answers = Mutex<[[String]: Answer]>([:])

    package init() {}

    /// In bytes; nothing where the model or a required adapter cannot be loaded, since whoever tries says why.
    /// - files: all of the model's.
    /// - candidates: as an `AdapterPlan` takes them.
    package func bytes(files: [String], candidates: [LoRAAdapter]) -> Int { plan(files: files, candidates: candidates)?.sizeBytes ?? 0 }

    /// nil where the model or a required adapter cannot be loaded.
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
