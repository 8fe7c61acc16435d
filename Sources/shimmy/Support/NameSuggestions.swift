import ShimmyModels

/// Suggestions for a misspelled name that a user chose, such as that of a model. `KeywordSuggestion` is for fixed words.
enum NameSuggestions {
    /// Returns a question with the closest names, to append to an error message; empty if no name is close.
    static func text(for name: String, among names: [String]) -> String {
        let close = NameDistance.closest(to: name, among: names)
        return close.isEmpty ? "" : " Did you mean \(close.joined(separator: ", or "))?"
    }
}
