import Foundation
import ShimmyModels

/// Checks of the models on the disk.
enum ModelChecks {
    static var findings: [Finding] {
        let records = Environment.process.discovery().scan().filter { !$0.isHidden && ($0.isLoadable || $0.problem != nil) }
        let findings = records.compactMap(finding)
        let usable = records.count - findings.count(where: { $0.level == .problem })
        if usable == 0 { return findings + [.warning("models", "none can be used", "\(StarterModel.hint).")] }
        return findings + [.fine("models", "\(usable) can be used")]
    }

    /// Returns the finding about a model; nil if it has no problem.
    private static func finding(_ record: ModelRecord) -> Finding? {
        let advice = "Remove it with 'shimmy rm \(record.id)', and pull it again."
        if let problem = record.problem { return .problem("model", "\(record.id): \(problem)", advice) }
        if Double(record.modified) > Date.now.timeIntervalSince1970 + 86_400 {
            return .warning("model", "\(record.id) was changed in the future", "Check the clock of this machine.")
        }
        // A folder of SafeTensors has no header of its own.
        if !record.isFolder {
            do {
                _ = try LoadCheck.headers(of: record.shards)
            } catch {
                return .problem("model", "\(record.id): \(error)", advice)
            }
        }
        guard record.sizeBytes > MachineMemory.totalBytes else { return nil }
        return .warning(
            "model", "\(record.id) has \(Console.size(record.sizeBytes)), more than the memory", "Choose a smaller quantization or model.")
    }
}
