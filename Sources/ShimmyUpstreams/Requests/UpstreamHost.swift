import ShimmyClient

/// The hosts of services whose kind is known by their address.
enum UpstreamHost {
    static let openAI = "api.openai.com"
    static let anthropic = "api.anthropic.com"

    /// The end of the hosts of Azure's service for OpenAI's models.
    private static let azure = ".openai.azure.com"

    /// Whether OpenAI's own API is at an address, or Azure's. Servers of the kind `openai` at other hosts can lack parts of it.
    static func isOpenAIs(_ url: String) -> Bool {
        guard let host = of(url) else { return false }
        return host == openAI || host.hasSuffix("." + openAI) || host.hasSuffix(azure)
    }

    /// Returns the host of an address; nil if it is not an address.
    static func of(_ url: String) -> String? { ServerAddress(url, defaultPort: 80)?.host.lowercased() }
}
