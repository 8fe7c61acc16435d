import ShimmyJSON

/// A pull that has begun and is not complete, as the manifest of its folder keeps it.
package struct UnfinishedPull: Sendable, Equatable {
    /// The time at which the pull first began, in unix seconds.
    package let begun: Int
    /// The size of all files of the model, including those that were there before.
    package let totalBytes: Int
    /// Whether the files are those of a folder of SafeTensors.
    package let isFolder: Bool
    /// The files that the pull downloads.
    package let files: [HubFile]

    /// The max number of files that are kept, and of pulls in a folder.
    static let most = 1000

    package init(begun: Int, totalBytes: Int, isFolder: Bool, files: [HubFile]) {
        self.begun = begun
        self.totalBytes = totalBytes
        self.isFolder = isFolder
        self.files = files
    }

    /// Returns the pull after it began again: it also has the files that it downloaded before.
    func resumed(with next: UnfinishedPull) -> UnfinishedPull {
        let names = Set(next.files.map(\.path))
        let earlier = files.filter { !names.contains($0.path) }
        let all = Array((earlier + next.files).prefix(Self.most))
        return UnfinishedPull(begun: begun, totalBytes: next.totalBytes, isFolder: next.isFolder, files: all)
    }
}

extension UnfinishedPull {
    /// Reads a pull of a manifest; nil if it is damaged. The names become paths, so that unsafe ones are damage, too.
    init?(_ json: JSON) {
        guard let begun = json["begun"]?.intValue, let total = json["total"]?.intValue, let isFolder = json["folder"]?.boolValue,
            let list = json["files"]?.arrayValue, list.count <= Self.most, begun >= 0, total >= 0
        else { return nil }
        let files = list.compactMap { try? HubFile.read($0) }
        if files.count < list.count { return nil }
        self.init(begun: begun, totalBytes: total, isFolder: isFolder, files: files)
    }

    var json: JSON {
        [
            "begun": .int(begun), "total": .int(totalBytes), "folder": .bool(isFolder),
            "files": .array(
                files.map { file -> JSON in
                    let (size, hash) = (JSON.int(file.size), JSON.string(file.hash.text))
                    let entry: JSONObject = ["type": "file", "path": .string(file.path)]
                    switch file.hash {
                    case .gitBlob: return .object(entry.adding(["size": size, "oid": hash]))
                    case .sha256: return .object(entry.adding(["lfs": ["size": size, "oid": hash]]))
                    }
                }),
        ]
    }
}

extension JSONObject {
    fileprivate func adding(_ members: JSONObject) -> JSONObject {
        var object = self
        for (name, value) in members { object[name] = value }
        return object
    }
}
