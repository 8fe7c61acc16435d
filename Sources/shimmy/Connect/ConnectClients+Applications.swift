import ShimmyJSON

extension ConnectClient {
    /// Other programs.
    static let applications: [ConnectClient] = [openWebUI, homeAssistant]

    private static let openWebUI = ConnectClient(
        name: "open-webui", title: "Open WebUI", about: "OpenAI's API; environment", program: "open-webui", defaultArguments: ["serve"]
    ) { target, _ in
        ConnectRecipe(
            variables: [ConnectVariable("OPENAI_API_BASE_URL", target.api), ConnectVariable("OPENAI_API_KEY", target.key.text)],
            notes: [
                "Open WebUI keeps the address in its database after the first start; later changes are made under Admin Settings, Connections.",
                "The page lists all models of the server, such as \(target.model).",
            ])
    }

    private static let homeAssistant = ConnectClient(
        name: "home-assistant", title: "Home Assistant", about: "Ollama's API; fields of its integration Ollama"
    ) { target, _ in
        var fields = [(label: "URL", value: target.root), (label: "Model", value: target.model)]
        if target.key.isNeeded { fields.append((label: "API key", value: target.key.text)) }
        if let context = target.contextLength { fields.append((label: "Context window size", value: "\(context)")) }
        return ConnectRecipe(
            fields: fields,
            notes: [
                "Add the integration Ollama under Settings, Devices & services.",
                "From another machine the server is reachable only with --host 0.0.0.0, which requires an API key.",
            ])
    }
}
