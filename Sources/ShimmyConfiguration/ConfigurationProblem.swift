/// Something in the file that is not as it should be.
package struct ConfigurationProblem: Error, Sendable, Equatable, CustomStringConvertible {
    package let file: String
    /// 1-based; nil where no line is to blame.
    package let line: Int?
    /// The key's path, such as `engine.ctx_size`; empty for the file as a whole.
    package let path: String
    package let message: String

    package init(file: String, line: Int?, path: String, message: String) {
        self.file = file
        self.line = line
        self.path = path
        self.message = message
    }

    /// As compilers write it: `shimmy.toml:12: engine.ctx_size: …`.
    package var description: String {
        "\(file)\(line.map { ":\($0)" } ?? ""): \(path.isEmpty ? "" : "\(path): ")\(message)"
    }
}
