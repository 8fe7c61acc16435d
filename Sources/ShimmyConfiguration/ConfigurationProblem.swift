/// An error in the configuration file.
package struct ConfigurationProblem: Error, Sendable, Equatable, CustomStringConvertible {
    package let file: String
    /// The 1-based line; nil if the problem does not concern a line.
    package let line: Int?
    /// The key's path, such as `engine.ctx_size`; empty for the whole file.
    package let path: String
    package let message: String

    package init(file: String, line: Int?, path: String, message: String) {
        self.file = file
        self.line = line
        self.path = path
        self.message = message
    }

    /// The problem in the format of compilers: `shimmy.toml:12: engine.ctx_size: …`.
    package var description: String {
        "\(file)\(line.map { ":\($0)" } ?? ""): \(path.isEmpty ? "" : "\(path): ")\(message)"
    }
}
