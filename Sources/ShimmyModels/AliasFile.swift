import ShimmyJSON

/// The aliases that users create with commands, stored in one file: `{"NAME": "MODEL", …}`. A running server reads the file on each scan of the
/// disk, and scans again when the file changes.
package struct AliasFile: Sendable {
    /// The max number of aliases in the file, and of models in the file of created models.
    package static let mostNames = NameFile.most

    package struct Refusal: Error, Equatable, CustomStringConvertible {
        package let description: String
        /// Whether the request is fine, but the file cannot be written, for example because the disk is full.
        package let isOfDisk: Bool

        package init(_ description: String, isOfDisk: Bool = false) {
            self.description = description
            self.isOfDisk = isOfDisk
        }

        static func cannotWrite(_ path: String, _ reason: String) -> Refusal {
            Refusal("\(path) cannot be written: \(reason)", isOfDisk: true)
        }
    }

    private let file: NameFile

    /// - directory: Shimmy's data directory.
    package init(directory: String) {
        file = NameFile(path: directory + "/aliases.json", content: "aliases and model names", members: "aliases", limit: 1 << 20)
    }

    package var path: String { file.path }

    /// Model names by alias. Empty if the file does not exist or cannot be read.
    package var aliases: [String: String] {
        guard let json = try? file.read() else { return [:] }
        return Self.aliases(json)
    }

    private static func aliases(_ json: JSONObject) -> [String: String] {
        Dictionary(json.compactMap { name, model in model.stringValue.map { (name, $0) } }, uniquingKeysWith: { $1 })
    }

    /// Gives a model an alias.
    /// - isReplaced: whether another alias is removed at the same time.
    /// - problem: returns the reason why the aliases cannot be these; nil if they can.
    package func set(
        _ name: String, to model: String, isReplaced: (String) -> Bool = { _ in false }, problem: ([String: String]) -> String? = { _ in nil }
    ) throws(Refusal) {
        guard NameFile.isName(name) else {
            throw Refusal("'\(name)' is not a valid alias; \(NameFile.form)")
        }
        try file.set(name, to: .string(model), isReplaced: isReplaced) { problem(Self.aliases($0)) }
    }

    /// Removes an alias. Returns whether the alias existed.
    package func remove(_ name: String) throws(Refusal) -> Bool { try file.remove(name) }

    /// Removes the unfinished files that killed processes left behind.
    package func clean() { file.clean() }
}
