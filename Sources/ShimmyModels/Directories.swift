// Finds the models on the disk and decides which are loaded. Reads GGUF headers itself, without weights and without llama.cpp;
// knows nothing of HTTP. What loads a model is handed in.

/// Where Shimmy keeps its own files. Mirrors scripts/paths.py.
package struct Directories: Sendable, Equatable {
    /// What can be fetched or built again.
    package let cache: String
    /// What must not be lost.
    package let data: String
    /// Models that Shimmy fetched, or that were put there.
    package let models: String
    /// What was said and is kept for those who said it.
    package let storage: String
    /// What makes the program pleasant to come back to, such as what was typed.
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
