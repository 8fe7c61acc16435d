import Foundation

/// The location of the configuration file.
package enum ConfigurationPlace {
    package static let variable = "SHIMMY_CONFIG"

    /// Returns the default paths of the file, in the order in which they are tried.
    package static func usual(environment: [String: String], home: String) -> [String] {
        let base = environment["XDG_CONFIG_HOME"].flatMap { $0.isEmpty ? nil : $0 } ?? "\(home)/.config"
        var places = ["\(base)/shimmy/shimmy.toml"]
        #if os(macOS)
            places.append("\(home)/Library/Application Support/shimmy/shimmy.toml")
        #endif
        return places
    }

    /// Returns the path of the file to use; nil if there is none.
    /// - named: the path from `--config`, or nil. A path from there or from the variable is used even if the file does not exist.
    package static func find(named: String?, environment: [String: String], home: String) -> String? {
        if let path = named ?? environment[variable], !path.isEmpty { return path }
        return usual(environment: environment, home: home).first { FileManager.default.fileExists(atPath: $0) }
    }

    /// Reads a file. A file that cannot be read is a problem like any other.
    package static func read(_ path: String, home: String) -> ConfigurationFile {
        guard let data = FileManager.default.contents(atPath: path) else {
            let isThere = FileManager.default.fileExists(atPath: path)
            return ConfigurationFile(
                path: path, problem: isThere ? "the file cannot be read." : "there is no such file; 'shimmy config init' writes one.")
        }
        guard let text = String(validating: data, as: UTF8.self) else { return ConfigurationFile(path: path, problem: "the file is not UTF-8 text.") }
        let folder = (absolute(path) as NSString).deletingLastPathComponent
        return ConfigurationFile(text: text, path: path, paths: PathBase(folder: folder, home: home))
    }

    /// Returns the absolute path of a file, without components that are ".". Links and ".." stay, because only the disk gives them a meaning.
    package static func absolute(_ path: String) -> String {
        if path.hasPrefix("/") { return path }
        let relative = path.split(separator: "/").filter { $0 != "." }.joined(separator: "/")
        return (FileManager.default.currentDirectoryPath as NSString).appendingPathComponent(relative)
    }
}
