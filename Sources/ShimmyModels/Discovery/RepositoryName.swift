import ShimmyFormats

/// The names of models that belong to a repository: `user/repo:Q4_K_M`, or with the file's name if that does not state a quantization.
enum RepositoryName {
    /// - file: nil for the repository's own weights (SafeTensors).
    static func id(_ repository: String, _ file: FileName?) -> String {
        guard let file else { return repository }
        if repository.isEmpty { return file.stem }
        return file.quantization.map { "\(repository):\($0)" } ?? "\(repository)/\(file.stem)"
    }
}
