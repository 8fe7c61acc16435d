import ShimmyModels

/// What somebody may have meant.
enum Suggestions {
    /// The end of a sentence about a name that leads nowhere; empty where nothing is close.
    static func text(for name: String, among names: [String]) -> String {
        let close = NameDistance.closest(to: name, among: names)
        return close.isEmpty ? "" : " Did you mean \(close.joined(separator: ", or "))?"
    }
}
