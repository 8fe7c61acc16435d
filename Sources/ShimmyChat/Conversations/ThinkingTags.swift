/// The texts around a model's reasoning.
package struct ThinkingTags: Sendable, Equatable {
    /// The opening tag; empty if every answer begins with reasoning.
    package var start: String
    /// The closing tags, at least one. The server uses the first to end the reasoning early.
    package var ends: [String]

    package init(start: String, ends: [String]) {
        self.start = start
        self.ends = ends
    }
}
