// The formats of model files: GGUF, SafeTensors, and the names of files and quantizations. This target knows files, but no models, catalogs or hubs.

/// The reason why a model's files cannot be read, written or converted. The description is one line for the user.
package struct FormatError: Error, Sendable, Equatable, CustomStringConvertible {
    package let description: String

    package init(_ description: String) { self.description = description }
}
