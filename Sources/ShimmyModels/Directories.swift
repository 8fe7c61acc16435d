// This target finds the models on the disk and decides which models are loaded. It reads GGUF headers itself, without weights and without
// llama.cpp, and does not know HTTP. The caller provides the function that loads a model.

/// The directories of Shimmy's own files. Mirrors scripts/paths.py.
package struct Directories: Sendable, Equatable {
    /// Files that can be downloaded or built again.
    package let cache: String
    /// Files that must not be lost.
    package let data: String
    /// Models that Shimmy downloaded or that the user put there.
    package let models: String
    /// The weights of created models whose files have no name of their own, in one folder each.
    package var weights: String { models + "/.weights" }
    /// Stored content of clients, such as responses and conversations.
    package let storage: String
    /// Files that make the program more convenient, such as the input history.
    package let state: String

    package static func standard(environment: [String: String], home: String) -> Directories {
        func place(_ variable: String, _ xdg: String, _ fallback: String, _ macOS: String) -> String {
            if let path = environment[variable], !path.isEmpty { return path }
            #if os(macOS)
                return "\(home)/\(macOS)/shimmy"
            #else
                if let base = environment[xdg], !base.isEmpty { return "\(base)/shimmy" }
                return "\(home)/\(fallback)/shimmy"
            #endif
        }
        let data = place("SHIMMY_DATA_DIR", "XDG_DATA_HOME", ".local/share", "Library/Application Support")
        return Directories(
            cache: place("SHIMMY_CACHE_DIR", "XDG_CACHE_HOME", ".cache", "Library/Caches"), data: data, models: data + "/models",
            storage: data + "/storage",
            state: place("SHIMMY_STATE_DIR", "XDG_STATE_HOME", ".local/state", "Library/Application Support"))
    }
}
