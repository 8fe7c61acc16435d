import ShimmyModels

/// What of a repository is fetched: one model in one quantization, with all its parts.
package struct FileChoice: Sendable, Equatable {
    /// In the order in which they are fetched.
    package let files: [HubFile]
    /// nil for a folder of SafeTensors and for names that tell none.
    package let quantization: String?

    package var sizeBytes: Int { files.reduce(0) { $0 + $1.size } }

    /// What a model of this size takes when it runs, roughly.
    package var memoryBytes: Int { MemoryEstimate(sizeBytes: sizeBytes).defaultBytes }

    /// Everything that could be chosen, the smallest first.
    package static func all(in files: [HubFile]) -> [FileChoice] {
        let models = ggufGroups(files).map { FileChoice(files: $0.value, quantization: $0.quantization) }
        return (models + safeTensors(files)).sorted { ($0.sizeBytes, $0.files[0].path) < ($1.sizeBytes, $1.files[0].path) }
    }

    /// The files that an address means. Without a word on quantization: Q4_K_M where there is one that fits, the usual balance of size and
    /// quality; else the best of those that fit, up to Q8_0.
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
        if let wanted = address.quantization {
            let found = all.first { $0.quantization == wanted } ?? all.first { $0.files[0].path.uppercased().contains(wanted) }
            guard let found else { throw .noQuantization(wanted, available: all.compactMap(\.quantization)) }
            return found
        }
        let fitting = all.filter { choice in memory.map { choice.memoryBytes <= $0 } ?? true }
        guard !fitting.isEmpty else {
            throw .tooLarge(address.repository, needed: all[0].memoryBytes, available: memory ?? 0)
        }
        if let usual = fitting.first(where: { $0.quantization == "Q4_K_M" }) { return usual }
        // More than eight bits for each weight are for converting, not for running.
        let large: Set<String?> = ["F32", "F16", "BF16"]
        return fitting.last { !large.contains($0.quantization) } ?? fitting[0]
    }

    /// The parts of each model file, in order. Projectors and importance matrices are no models.
    private static func ggufGroups(_ files: [HubFile]) -> [(value: [HubFile], quantization: String?)] {
        var groups: [String: (parts: [(number: Int, file: HubFile)], count: Int, quantization: String?)] = [:]
        for file in files {
            var folders = file.path.split(separator: "/").map(String.init)
            guard let last = folders.popLast(), let name = FileName(last) else { continue }
            let lowered = name.stem.lowercased()
            if lowered.contains("mmproj") || lowered.contains("imatrix") { continue }
            let key = (folders + [name.stem]).joined(separator: "/")
            let folder = folders.last.flatMap { FileName("x-\($0).gguf")?.quantization }
            groups[key, default: ([], name.part?.count ?? 1, name.quantization ?? folder)].parts.append((name.part?.number ?? 1, file))
        }
        return groups.values.compactMap { group in
            let parts = group.parts.sorted { $0.number < $1.number }
            return parts.map(\.number) == Array(1...group.count) ? (parts.map(\.file), group.quantization) : nil
        }
    }

    /// A repository's own weights with what describes them.
    private static func safeTensors(_ files: [HubFile]) -> [FileChoice] {
        let weights = files.filter { $0.path.hasSuffix(".safetensors") && !$0.path.contains("/") }
        guard !weights.isEmpty, files.contains(where: { $0.path == "config.json" }) else { return [] }
        let described = files.filter { descriptions.contains($0.path) }
        return [FileChoice(files: described + weights.sorted { $0.path < $1.path }, quantization: nil)]
    }

    private static let descriptions: Set<String> = [
        "config.json", "tokenizer.json", "tokenizer_config.json", "special_tokens_map.json", "generation_config.json", "chat_template.jinja",
        "modules.json", "1_Pooling/config.json", "sentence_bert_config.json", "model.safetensors.index.json", "added_tokens.json", "vocab.txt",
    ]

    /// Any other file that was named, such as a projector or an adapter.
    private static func single(_ path: String, _ files: [HubFile]) -> FileChoice? {
        files.first { $0.path == path }.map { FileChoice(files: [$0], quantization: nil) }
    }
}
