import ShimmyConfiguration
import ShimmyJSON

/// A client's configuration file, and the part of it that makes the client use the server.
struct ConnectFile: Sendable {
    enum Content: Sendable {
        /// JSON, in files that may have comments.
        case json(JSON)
        case toml(JSONObject)
        /// The text of a whole YAML file.
        case yaml(String)
    }

    let path: String
    let content: Content

    /// The text of a new file.
    var text: String {
        switch content {
        case .json(let value): value.pretty() + "\n"
        case .toml(let table): (try? TOMLMerge.merge(table, into: "").text) ?? ""
        case .yaml(let text): text
        }
    }

    /// Returns `old` with the configuration added. Throws if that cannot be done without changing something else.
    func merged(into old: String) throws(ConnectRefusal) -> ConnectMerge {
        if old.allSatisfy(\.isWhitespace) { return ConnectMerge(text: text) }
        switch content {
        case .json(let value): return try JSONTextMerge.merge(value, into: old)
        case .toml(let table):
            do {
                let merge = try TOMLMerge.merge(table, into: old)
                return ConnectMerge(text: merge.text, replaced: merge.replaced)
            } catch {
                throw ConnectRefusal(error.description)
            }
        case .yaml(let text):
            if old == text || old.hasPrefix(text) || old.contains("\n" + text) { return ConnectMerge(text: old) }
            throw ConnectRefusal("YAML files are not merged")
        }
    }
}

/// The text of a file with a configuration added.
struct ConnectMerge: Sendable {
    let text: String
    /// The paths of the values that changed.
    var replaced: [String] = []
}
