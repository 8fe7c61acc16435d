extension [ModelRecord] {
    /// The model that was found at a path: that of a file, of a split one's first part, or of a folder. Links are followed.
    package func found(at path: String) -> ModelRecord? {
        let real = FileFacts.realPath(path)
        return first { $0.base == nil && FileFacts.realPath($0.path) == real }
    }
}
