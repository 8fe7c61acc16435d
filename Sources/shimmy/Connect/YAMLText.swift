import ShimmyJSON

/// Text for YAML files.
enum YAMLText {
    /// Returns a scalar in double quotes. A JSON string is also one of YAML.
    static func quoted(_ text: String) -> String { JSON.string(text).text }
}
