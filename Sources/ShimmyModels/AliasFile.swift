import ShimmyJSON

/// The aliases that users create with commands, stored in one file: `{"NAME": "MODEL", …}`. A running server reads the file on each scan of the
/// disk, and scans again when the file changes.
package struct AliasFile: Sendable {
    package struct Refusal: Error, Equatable, CustomStringConvertible {
        package let description: String
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
        return Dictionary(json.compactMap { name, model in model.stringValue.map { (name, $0) } }, uniquingKeysWith: { $1 })
    }

    package func set(_ name: String, to model: String) throws(Refusal) {
        guard NameFile.isName(name) else {
            throw Refusal(
                description: "'\(name)' is not a valid alias; use letters, digits, '-', '_', '.', ':', '/', '@' and '+', with a letter or digit "
                    + "first")
        }
        try file.set(name, to: .string(model))
    }

    /// Removes an alias. Returns whether the alias existed.
    package func remove(_ name: String) throws(Refusal) -> Bool { try file.remove(name) }
}
