/// The surroundings of a gap in a text, for an editor that wants the gap filled: texts of files, without control tokens. Text that does not fit into
/// the context is dropped, farthest from the gap first.
package struct TextGap: Sendable, Equatable {
    /// A file, or a part of one.
    package struct File: Sendable, Equatable {
        package var name: String
        package var text: String

        package init(name: String, text: String) {
            self.name = name
            self.text = text
        }
    }

    /// The text after the gap; may be empty.
    package var suffix: String
    /// Other files, the most important last.
    package var files: [File]

    package init(suffix: String, files: [File] = []) {
        self.suffix = suffix
        self.files = files
    }

    /// The number of bytes of all texts.
    var bytes: Int { files.reduce(suffix.utf8.count) { $0 + $1.name.utf8.count + $1.text.utf8.count } }
}
