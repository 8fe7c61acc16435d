import ShimmyCore

/// A suggestion for a misspelled word of a fixed list, such as a key of the configuration file or a command. `NameDistance` compares names that
/// users choose, such as those of models.
package enum KeywordSuggestion {
    /// Returns ` Did you mean 'port'?`, or an empty text if no name is similar.
    package static func text(for name: String, among names: [String]) -> String {
        closest(to: name, among: names).map { " Did you mean '\($0)'?" } ?? ""
    }

    package static func closest(to name: String, among names: [String]) -> String? {
        // Hyphens in place of underscores are the most likely mistake, because the options have them.
        let plain = name.lowercased().replacing("-", with: "_")
        let ranked = names.map { ($0, edits(from: plain.utf8, to: $0.utf8)) }.filter { $0.1 <= max(1, $0.0.count / 3) }
        return ranked.min { ($0.1, $0.0) < ($1.1, $1.0) }?.0
    }
}
