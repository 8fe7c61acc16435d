// This module downloads models from the Hugging Face hub. It implements the hub's API, ranges and checksums, and does not know how models
// are run.

/// The address of a download from the hub: a repository, and optionally one of its quantizations or files.
package struct HubAddress: Sendable, Equatable {
    /// The repository as `USER/REPO`.
    package let repository: String
    package private(set) var quantization: String?
    package private(set) var file: String?
    package private(set) var revision = "main"

    /// Parses `USER/REPO`, `USER/REPO:Q4_K_M`, `USER/REPO@REVISION` and `USER/REPO/FILE.gguf`, each also after `hf.co/` or
    /// `https://huggingface.co/`, and the addresses of the hub's own pages (`…/resolve/main/FILE`, `…/blob/…`, `…/tree/…`). Throws
    /// `HubError.otherHost` for the address of another web server, and `HubError.badAddress` for names that could lead out of a directory, because
    /// names become paths.
    package init(_ text: String) throws(HubError) {
        var rest = text[...]
        let isURL = rest.hasPrefix("https://") || rest.hasPrefix("http://")
        for scheme in ["https://", "http://", "hf://"] where rest.hasPrefix(scheme) { rest = rest.dropFirst(scheme.count) }
        if isURL, let end = rest.firstIndex(of: "/"), !Self.hosts.contains(rest[..<end].lowercased()) {
            throw .otherHost(text, host: String(rest[..<end]))
        }
        for host in Self.hosts where rest.lowercased().hasPrefix(host + "/") { rest = rest.dropFirst(host.count + 1) }
        if let query = rest.firstIndex(where: { $0 == "?" || $0 == "#" }) { rest = rest[..<query] }
        if let colon = rest.lastIndex(of: ":") {
            let name = rest[rest.index(after: colon)...]
            guard Self.isName(name) else { throw .badAddress(text) }
            // "latest" is Ollama's name for the default choice.
            quantization = name == "latest" ? nil : name.uppercased()
            rest = rest[..<colon]
        }
        var parts = rest.split(separator: "/", omittingEmptySubsequences: false).map(String.init)
        if parts.last == "" { parts.removeLast() }
        guard parts.count >= 2 else { throw .badAddress(text) }
        if let at = parts[1].firstIndex(of: "@") {
            revision = String(parts[1][parts[1].index(after: at)...])
            parts[1] = String(parts[1][..<at])
        }
        if parts.count >= 4, ["resolve", "blob", "tree"].contains(parts[2]) {
            revision = parts[3]
            parts.removeSubrange(2...3)
        }
        guard parts.allSatisfy(Self.isName), Self.isName(revision) else { throw .badAddress(text) }
        repository = "\(parts[0])/\(parts[1])"
        if parts.count > 2 { file = parts[2...].joined(separator: "/") }
    }

    private static let hosts = ["hf.co", "huggingface.co", "www.huggingface.co"]

    /// Returns whether the text is one safe path component: it contains no characters that are special in a file system or a URL.
    static func isName(_ text: some StringProtocol) -> Bool {
        !text.isEmpty && text.first != "." && text.count <= 200
            && text.allSatisfy { $0.isASCII && ($0.isLetter || $0.isNumber || "-_.+ ".contains($0)) }
    }
}

/// The hub's address and token. The environment variables of the hub's own tools configure them.
package struct HubEndpoint: Sendable, Equatable {
    /// The URL without a trailing slash.
    package var url: String
    package var token: String?
    package var isOffline: Bool

    package init(url: String = "https://huggingface.co", token: String? = nil, isOffline: Bool = false) {
        self.url = url
        self.token = token
        self.isOffline = isOffline
    }

    /// - readFile: returns the text of a file, nil if it does not exist. The hub's tools store their token in a file.
    package init(environment: [String: String], home: String, readFile: (String) -> String?) {
        func value(_ name: String) -> String? { environment[name].flatMap { $0.isEmpty ? nil : $0 } }
        var url = value("HF_ENDPOINT") ?? "https://huggingface.co"
        while url.last == "/" { url.removeLast() }
        let tools = value("HF_HOME") ?? (value("XDG_CACHE_HOME") ?? "\(home)/.cache") + "/huggingface"
        let file = readFile(value("HF_TOKEN_PATH") ?? "\(tools)/token").map { String($0.prefix { !$0.isWhitespace }) }
        let isOffline = ["1", "true", "yes", "on"].contains(value("HF_HUB_OFFLINE")?.lowercased() ?? "")
        self.init(url: url, token: value("HF_TOKEN") ?? file.flatMap { $0.isEmpty ? nil : $0 }, isOffline: isOffline)
    }
}
