import ShimmyCore
import ShimmyFormats
import ShimmyModels

/// The files that a pull downloads from a repository: one model in one quantization, with all its parts.
package struct FileChoice: Sendable, Equatable {
    /// The files, in download order.
    package let files: [HubFile]
    /// The quantization; nil for a folder of SafeTensors and for file names without one.
    package let quantization: String?
    /// Whether it is a folder of SafeTensors with its configuration and tokenizer files.
    package let isFolder: Bool

    package var sizeBytes: Int { files.reduce(0) { $0.saturated(adding: $1.size) } }

    /// A rough estimate of the memory that a model of this size takes, in bytes.
    package var memoryBytes: Int { MemoryEstimate(sizeBytes: sizeBytes).defaultBytes }

    /// Returns all possible choices, the smallest first.
    package static func all(in files: [HubFile]) -> [FileChoice] {
        (ggufGroups(files) + safeTensors(files)).sorted { ($0.sizeBytes, $0.files[0].path) < ($1.sizeBytes, $1.files[0].path) }
    }

    /// Returns the files that an address refers to. If the address contains neither a file nor a quantization, this is the default choice
    /// of those that fit into memory (see `usual`).
    /// - memory: max bytes that a model may take; nil for no limit.
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
        // Prefer GGUF files: they need no conversion here.
        let choices = models.isEmpty ? all : models
        guard let choice = usual(choices.filter { choice in memory.map { choice.memoryBytes <= $0 } ?? true }) else {
            throw .tooLarge(address.repository, needed: choices[0].memoryBytes, available: memory ?? 0)
        }
        return choice
    }

    /// Returns the model with the quantization; nil if there is none. If only file names contain the quantization, returns the smallest
    /// such model.
    private static func quantized(_ wanted: String, _ models: [FileChoice]) -> FileChoice? {
        models.first { $0.quantization == wanted } ?? models.first { $0.quantization == "UD-" + wanted }
            ?? models.first { $0.files[0].path.uppercased().contains(wanted) }
    }

    /// Returns the default choice; nil if `choices` is empty. The order of preference is:
    /// 1. Q4_K_M, the usual balance of size and quality.
    /// 2. The largest with at most eight bits per weight.
    /// 3. The largest without a quantization in its name.
    /// 4. The smallest with more than eight bits per weight. These files are made for conversion, not for running.
    /// - choices: the choices that fit into memory, the smallest first.
    private static func usual(_ choices: [FileChoice]) -> FileChoice? {
        if let balanced = choices.first(where: { $0.quantization == "Q4_K_M" || $0.quantization == "UD-Q4_K_M" }) { return balanced }
        let narrow = choices.last { $0.quantization.map { !QuantizationName.isWide($0) } ?? false }
        return narrow ?? choices.last { $0.quantization == nil } ?? choices.first
    }

    /// Returns the model files with their parts in order. Projectors and importance matrices are skipped, because they are not models.
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
            // Check the count first, because a name can claim 99,999 parts.
            guard group.parts.count == group.count else { return nil }
            let parts = group.parts.sorted { $0.number < $1.number }
            guard parts.map(\.number) == Array(1...group.count) else { return nil }
            return FileChoice(files: parts.map(\.file), quantization: group.quantization, isFolder: false)
        }
    }

    /// Returns the repository's SafeTensors weights with their configuration and tokenizer files; empty if it has none.
    private static func safeTensors(_ files: [HubFile]) -> [FileChoice] {
        let weights = weights(files)
        guard !weights.isEmpty, files.contains(where: { $0.path == "config.json" }) else { return [] }
        let described = files.filter { descriptions.contains($0.path) }
        return [FileChoice(files: described + weights.sorted { $0.path < $1.path }, quantization: nil, isFolder: true)]
    }

    /// Returns the weights that a conversion reads: the files of the index, or the single file if there is no index. Other weight files are
    /// a copy of the same size for other programs, such as Mistral's consolidated.safetensors.
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

    /// Returns any other file that the address contains, such as a projector or an adapter; nil if it does not exist.
    private static func single(_ path: String, _ files: [HubFile]) -> FileChoice? {
        files.first { $0.path == path }.map { FileChoice(files: [$0], quantization: nil, isFolder: false) }
    }
}
