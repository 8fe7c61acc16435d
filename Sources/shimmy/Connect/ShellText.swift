/// Text for a POSIX shell.
enum ShellText {
    /// Returns a word that the shell reads as `text`.
    static func quoted(_ text: String) -> String {
        let isPlain = text.utf8.allSatisfy { byte in
            switch byte {
            case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"), UInt8(ascii: "0")...UInt8(ascii: "9"): true
            default: "-_./:@%+=,".utf8.contains(byte)
            }
        }
        // Some shells expand a word that begins with "=".
        return isPlain && !text.isEmpty && !text.hasPrefix("=") ? text : "'" + text.replacing("'", with: #"'\''"#) + "'"
    }

    static func command(_ words: [String]) -> String { words.map(quoted).joined(separator: " ") }
}
