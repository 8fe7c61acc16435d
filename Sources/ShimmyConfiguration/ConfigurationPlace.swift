import Foundation

/// Where the file is.
package enum ConfigurationPlace {
    package static let variable = "SHIMMY_CONFIG"

    /// The places where a file is looked for that nobody named, the first one first.
    package static func usual(environment: [String: String], home: String) -> [String] {
        let base = environment["XDG_CONFIG_HOME"].flatMap { $0.isEmpty ? nil : $0 } ?? "\(home)/.config"
        var places = ["\(base)/shimmy/shimmy.toml"]
        #if os(macOS)
            places.append("\(home)/Library/Application Support/shimmy/shimmy.toml")
        #endif
        return places
    }

    /// The file that holds; nil where there is none.
    /// - named: by `--config`. What is named there or in SHIMMY_CONFIG is the file, whether it is there or not.
    package static func find(named: String?, environment: [String: String], home: String) -> String? {
        if let path = named ?? environment[variable], !path.isEmpty { return path }
        return usual(environment: environment, home: home).first { FileManager.default.fileExists(atPath: $0) }
    }

    /// Reads a file; one that cannot be read is a problem like any other.
    package static func read(_ path: String, home: String) -> ConfigurationFile {
        guard let data = FileManager.default.contents(atPath: path) else {
            let isThere = FileManager.default.fileExists(atPath: path)
            return ConfigurationFile(
                path: path, problem: isThere ? "it cannot be read." : "there is no such file; 'shimmy config init' writes one.")
        }
        guard let text = String(validating: data, as: UTF8.self) else { return ConfigurationFile(path: path, problem: "it is not UTF-8 text.") }
        let folder = (absolute(path) as NSString).deletingLastPathComponent
        return ConfigurationFile(text: text, path: path, paths: PathBase(folder: folder, home: home))
    }

    package static func absolute(_ path: String) -> String {
        path.hasPrefix("/") ? path : (FileManager.default.currentDirectoryPath as NSString).appendingPathComponent(path)
    }
}
