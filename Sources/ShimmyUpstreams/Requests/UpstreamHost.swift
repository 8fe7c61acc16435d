import ShimmyClient

/// The hosts of services whose kind is known by their address.
enum UpstreamHost {
    static let openAI = "api.openai.com"
    static let anthropic = "api.anthropic.com"

    /// Returns the host of an address; nil if it is not an address.
    static func of(_ url: String) -> String? { ServerAddress(url, defaultPort: 80)?.host.lowercased() }
}
