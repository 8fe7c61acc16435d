extension [ModelRecord] {
    /// Returns the model that was found at `path`: the path of a file, of the first part of a split model, or of a folder. Follows links. Returns
    /// nil if there is no such model.
    package func found(at path: String) -> ModelRecord? {
        let real = FileFacts.realPath(path)
        return first { $0.base == nil && $0.upstream == nil && FileFacts.realPath($0.path) == real }
    }
}
