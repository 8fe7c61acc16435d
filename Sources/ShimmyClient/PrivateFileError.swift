/// An error in saving or reading a file, with a message for the user.
package struct PrivateFileError: Error, Equatable, CustomStringConvertible {
    package let description: String
}
