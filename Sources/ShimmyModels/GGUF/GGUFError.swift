/// The reason why a file is not a usable GGUF file; the description is one line for display.
package struct GGUFError: Error, Sendable, Equatable, CustomStringConvertible {
    package let description: String

    package init(_ description: String) { self.description = description }
}
