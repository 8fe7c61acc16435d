/// Why a file is no usable GGUF; the description is one line for a person.
package struct GGUFError: Error, Sendable, Equatable, CustomStringConvertible {
    package let description: String

    package init(_ description: String) { self.description = description }
}
