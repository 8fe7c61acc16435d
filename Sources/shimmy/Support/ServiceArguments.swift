import ShimmyConfiguration
import ShimmyModels

/// The options of `shimmy serve` in the file of a service, which runs in another directory than the shell.
enum ServiceArguments {
    private static let paths = Set(Settings.all.filter { $0.kind == .path || $0.kind == .pathList }.map(\.optionName) + ["--config"])

    /// Returns valid options with absolute paths.
    static func absolute(_ options: [String]) -> [String] {
        var result: [String] = []
        var option: String?
        for word in options {
            if let name = option {
                result.append(absolute(word, of: name))
                option = nil
            } else if word.hasPrefix("--"), let equals = word.firstIndex(of: "=") {
                let name = String(word[..<equals])
                result.append("\(name)=\(absolute(String(word[word.index(after: equals)...]), of: name))")
            } else {
                result.append(word)
                if takesPath(word) { option = word }
            }
        }
        return result
    }

    private static func takesPath(_ option: String) -> Bool {
        paths.contains(option) || option == Setting.model.optionName || option == Setting.lora.optionName
    }

    private static func absolute(_ value: String, of option: String) -> String {
        switch option {
        case Setting.lora.optionName: LoRAOption.absolute(value)
        // The value is a path if there is such a file, otherwise a name.
        case Setting.model.optionName: ModelCatalog.record(forFile: value) == nil ? value : ConfigurationPlace.absolute(value)
        case _ where paths.contains(option) && !value.isEmpty: ConfigurationPlace.absolute(value)
        default: value
        }
    }
}
