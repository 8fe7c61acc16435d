import Synchronization

/// What the adapters of models will take, told from headers before anything is loaded. What was read is remembered for as long as the files
/// stay as they are: this is asked for every request that waits for its model.
package final class AdapterMemory: Sendable {
    private struct Answer {
        let files: [FileTime?]
        let bytes: Int
    }

    private let answers = Mutex<[[String]: Answer]>([:])

    package init() {}

    /// In bytes; nothing where the model or a required adapter cannot be loaded, since whoever tries says why.
    /// - files: all of the model's.
    /// - candidates: as an `AdapterPlan` takes them.
    package func bytes(files: [String], candidates: [LoRAAdapter]) -> Int {
        if candidates.isEmpty { return 0 }
        let question = files + candidates.flatMap { [$0.name, $0.path, "\($0.isRequired)"] }
        let times = (files + candidates.map(\.path)).map(FileTime.init(path:))
        if let known = answers.withLock({ $0[question] }), known.files == times { return known.bytes }
        let headers = files.compactMap { try? GGUFHeader.read(path: $0) }
        let bytes = (try? AdapterPlan(for: headers, candidates: candidates))?.sizeBytes ?? 0
        answers.withLock { $0[question] = Answer(files: times, bytes: bytes) }
        return bytes
    }
}
