import ShimmyCore
import ShimmyModels

/// What of a repository is fetched: one model in one quantization, with all its parts.
package struct FileChoice: Sendable, Equatable {
    /// In the order in which they are fetched.
    package let files: [HubFile]
    /// nil for a folder of SafeTensors and for names that tell none.
    package let quantization: String?
    /// Whether it is a folder of SafeTensors, with what describes them.
    package let isFolder: Bool

    package var sizeBytes: Int { files.reduce(0) { $0.saturated(adding: $1.size) } }

    /// What a model of this size takes when it runs, roughly.
    package var memoryBytes: Int { MemoryEstimate(sizeBytes: sizeBytes).defaultBytes }

    /// Everything that could be chosen, the smallest first.
    package static func all(in files: [HubFile]) -> [FileChoice] {
        (ggufGroups(files) + safeTensors(files)).sorted { ($0.sizeBytes, $0.files[0].path) < ($1.sizeBytes, $1.files[0].path) }
    }

    /// The files that an address means. Without a word on quantization: the usual ones of those that fit into memory (see `usual`).
    /// - memory: bytes that a model may take; nil for any number.
    package static func choose(_ address: HubAddress, from files: [HubFile], memory: Int?) throws(HubError) -> FileChoice {
        let all = all(in: files)
        if let file = address.file {
            guard let choice = all.first(where: { $0.files.contains { $0.path == file } }) ?? single(file, files) else {
                throw .notFound("\(address.repository)/\(file)")
            }
            return choice
        }
        if all.isEmpty { throw .noModel(address.repository) }
        let models = all.filter { !$0.isFolder }
        if let wanted = address.quantization {
            guard let found = quantized(wanted, models) else { throw .noQuantization(wanted, available: models.compactMap(\.quantization)) }
            return found
        }
        // What somebody has converted already need not be converted here.
        let choices = models.isEmpty ? all : models
        guard let choice = usual(choices.filter { choice in memory.map { choice.memoryBytes <= $0 } ?? true }) else {
            throw .tooLarge(address.repository, needed: choices[0].memoryBytes, available: memory ?? 0)
        }
        return choice
    }

    /// The model of that quantization; of one that only names of files tell, the smallest.
    private static func quantized(_ wanted: String, _ models: [FileChoice]) -> FileChoice? {
        models.first { $0.quantization == wanted } ?? models.first { $0.quantization == "UD-" + wanted }
            ?? models.first { $0.files[0].path.uppercased().contains(wanted) }
    }

    /// 1. Q4_K_M, the usual balance of size and quality. 2. The best of at most eight bits for each weight. 3. The best whose name does not tell
    /// what it is. 4. The smallest of more than eight bits: those are made for converting rather than for running.
    /// - choices: what fits, the smallest first; nil comes of none.
    private static func usual(_ choices: [FileChoice]) -> FileChoice? {
        if let balanced = choices.first(where: { $0.quantization == "Q4_K_M" || $0.quantization == "UD-Q4_K_M" }) { return balanced }
        let narrow = choices.last { $0.quantization.map { !QuantizationName.isWide($0) } ?? false }
        return narrow ?? choices.last { $0.quantization == nil } ?? choices.first
    }

    /// The parts of each model file, in order. Projectors and importance matrices are no models.
    private static func ggufGroups(_ files: [HubFile]) -> [FileChoice] {
        var groups: [String: (parts: [(number: Int, file: HubFile)], count: Int, quantization: String?)] = [:]
        for file in files {
            var folders = file.path.split(separator: "/").map(String.init)
            guard let last = folders.popLast(), let name = FileName(last, in: folders.last) else { continue }
            let lowered = name.stem.lowercased()
            if lowered.contains("mmproj") || lowered.contains("imatrix") { continue }
            let key = (folders + [name.stem]).joined(separator: "/")
            groups[key, default: ([], name.part?.count ?? 1, name.quantization)].parts.append((name.part?.number ?? 1, file))
        }
        return groups.values.compactMap { group in
            // Names can claim 99,999 parts each.
            guard group.parts.count == group.count else { return nil }
            let parts = group.parts.sorted { $0.number < $1.number }
            guard parts.map(\.number) == Array(1...group.count) else { return nil }
            return FileChoice(files: parts.map(\.file), quantization: group.quantization, isFolder: false)
        }
    }

    /// A repository's own weights with what describes them.
    private static func safeTensors(_ files: [HubFile]) -> [FileChoice] {
        let weights = weights(files)
        guard !weights.isEmpty, files.contains(where: { $0.path == "config.json" }) else { return [] }
        let described = files.filter { descriptions.contains($0.path) }
        return [FileChoice(files: described + weights.sorted { $0.path < $1.path }, quantization: nil, isFolder: true)]
    }

    /// The weights that a conversion reads: those of the index, or the one file that needs none. What lies beside them is another copy for other
    /// programs, such as Mistral's consolidated.safetensors, as large again.
    private static func weights(_ files: [HubFile]) -> [HubFile] {
        let all = files.filter { $0.path.hasSuffix(".safetensors") && !$0.path.contains("/") }
        let hasIndex = files.contains { $0.path == index }
        if !hasIndex, let whole = all.first(where: { $0.path == "model.safetensors" }) { return [whole] }
        let usual = all.filter { !$0.path.hasPrefix("consolidated") }
        return usual.isEmpty ? all : usual
    }

    private static let index = "model.safetensors.index.json"
    private static let descriptions: Set<String> = [
        "config.json", "tokenizer.json", "tokenizer_config.json", "special_tokens_map.json", "generation_config.json", "chat_template.jinja",
        "modules.json", "1_Pooling/config.json", "sentence_bert_config.json", index, "added_tokens.json", "vocab.txt",
    ]

    /// Any other file that was named, such as a projector or an adapter.
    private static func single(_ path: String, _ files: [HubFile]) -> FileChoice? {
        files.first { $0.path == path }.map { FileChoice(files: [$0], quantization: nil, isFolder: false) }
    }
}
