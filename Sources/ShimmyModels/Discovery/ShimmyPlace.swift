/// Shimmy's own models. Files that the user put there keep their names; downloads are stored as `USER/REPO/FILE`.
struct ShimmyPlace: ModelPlace {
    let source = ModelSource.shimmy
    let path: String

    func records() -> [ModelRecord] {
        Folder(path: path).models().map { found in
            guard found.folders.count >= 2 else { return PlainPlace.record(found, source) }
            return RecordReader.record(found, id: RepositoryName.id(found.folders.prefix(2).joined(separator: "/"), found.name), source: source)
        }
    }
}
