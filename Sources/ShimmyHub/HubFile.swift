package import ShimmyJSON

/// A file of a repository.
package struct HubFile: Sendable, Equatable {
    package enum Hash: Sendable, Equatable {
        /// The SHA-256 of the bytes, for files stored outside the Git repository. All large files are.
        case sha256(String)
        /// Git's blob hash, for other files: SHA-1 of a header and the bytes.
        case gitBlob(String)
    }

    package let path: String
    /// The size in bytes: 0 to `mostBytes`.
    package let size: Int
    package let hash: Hash
    /// The max size of one file in bytes. The largest parts of known models have 50 GB.
    package static let mostBytes = 1 << 44

    package init(path: String, size: Int, hash: Hash) {
        self.path = path
        self.size = size
        self.hash = hash
    }
}

extension HubFile {
    /// Parses `{"type": "file", "path": …, "size": …, "oid": GIT, "lfs": {"oid": SHA256, "size": …}}`; nil for folders and for unsafe
    /// names. Throws if the size is not possible.
    package static func read(_ json: JSON) throws(HubError) -> HubFile? {
        guard json["type"]?.stringValue == "file", let path = json["path"]?.stringValue,
            path.split(separator: "/", omittingEmptySubsequences: false).allSatisfy(HubAddress.isName)
        else { return nil }
        let large = json["lfs"].flatMap { $0["oid"]?.stringValue == nil ? nil : Optional($0) }
        guard let hash = (large ?? json)["oid"]?.stringValue, let told = (large ?? json)["size"] else { return nil }
        guard let size = told.intValue, (0...HubFile.mostBytes).contains(size) else {
            throw .unreadable("the size of \(path) is not valid: \(told.text)")
        }
        return HubFile(path: path, size: size, hash: large == nil ? .gitBlob(hash.lowercased()) : .sha256(hash.lowercased()))
    }
}

extension HubFile.Hash {
    var text: String {
        switch self {
        case .sha256(let text), .gitBlob(let text): text
        }
    }
}
