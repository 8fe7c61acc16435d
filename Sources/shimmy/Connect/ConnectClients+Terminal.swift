import ShimmyConfiguration
import ShimmyJSON

extension ConnectClient {
    /// Clients that run in a terminal.
    static let terminal: [ConnectClient] = [claude, codex, openCode, aider, goose, crush, llm, copilotCLI]

    private static let claude = ConnectClient(
        name: "claude", title: "Claude Code", about: "Anthropic's API; environment, or ~/.claude/settings.json", program: "claude"
    ) { target, places in
        // With an empty ANTHROPIC_API_KEY, a stored key of Anthropic's is not used. The last variables keep the beginning of the prompt the same, so
        // that its prefix stays in the cache, and keep Claude Code from calling other servers.
        var variables = [
            ConnectVariable("ANTHROPIC_BASE_URL", target.root), ConnectVariable("ANTHROPIC_AUTH_TOKEN", target.key.text),
            ConnectVariable("ANTHROPIC_API_KEY", ""),
        ]
        let models = [
            "ANTHROPIC_MODEL", "ANTHROPIC_DEFAULT_OPUS_MODEL", "ANTHROPIC_DEFAULT_SONNET_MODEL", "ANTHROPIC_DEFAULT_HAIKU_MODEL",
            "CLAUDE_CODE_SUBAGENT_MODEL",
        ]
        variables += models.map { ConnectVariable($0, target.model) }
        if let context = target.contextLength {
            variables += ["CLAUDE_CODE_MAX_CONTEXT_TOKENS", "CLAUDE_CODE_AUTO_COMPACT_WINDOW"].map { ConnectVariable($0, "\(context)") }
            variables.append(ConnectVariable("CLAUDE_CODE_MAX_OUTPUT_TOKENS", "\(target.outputLimit)"))
        }
        variables += [
            ConnectVariable("CLAUDE_CODE_ATTRIBUTION_HEADER", "0"), ConnectVariable("CLAUDE_CODE_TOTAL_TOKENS_REMINDER", "off"),
            ConnectVariable("CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC", "1"), ConnectVariable("DISABLE_ERROR_REPORTING", "1"),
        ]
        var settings = JSONObject()
        for variable in variables { settings[variable.name] = .string(variable.value) }
        let path = places.directory("CLAUDE_CONFIG_DIR", or: ".claude") + "/settings.json"
        return ConnectRecipe(
            variables: variables, file: ConnectFile(path: path, content: .json(["env": .object(settings)])),
            notes: Self.largeContext(target, "Claude Code"))
    }

    private static let codex = ConnectClient(
        name: "codex", title: "Codex", about: "OpenAI's Responses API; the profile ~/.codex/shimmy.config.toml", program: "codex"
    ) { target, places in
        var provider: JSONObject = ["name": "Shimmy", "base_url": .string(target.api), "wire_api": "responses"]
        let key = target.key.isNeeded ? [ConnectVariable(Setting.apiKey.variable, target.key.text)] : []
        if let key = key.first { provider["env_key"] = .string(key.name) }
        var profile: JSONObject = ["model": .string(target.model), "model_provider": "shimmy"]
        if let context = target.contextLength { profile["model_context_window"] = .int(context) }
        // The values are TOML; strings and numbers are the same in JSON.
        var arguments = profile.flatMap { ["-c", "\($0.key)=\($0.value.text)"] }
        arguments += provider.flatMap { ["-c", "model_providers.shimmy.\($0.key)=\($0.value.text)"] }
        profile["model_providers"] = ["shimmy": .object(provider)]
        return ConnectRecipe(
            file: ConnectFile(path: places.directory("CODEX_HOME", or: ".codex") + "/shimmy.config.toml", content: .toml(profile)),
            fileVariables: key, start: ConnectStart(variables: key, arguments: arguments),
            notes: ["Start it with 'codex --profile shimmy'. Codex before 0.134 reads these keys only in config.toml."]
                + Self.largeContext(target, "Codex"))
    }

    private static let openCode = ConnectClient(
        name: "opencode", title: "OpenCode", about: "OpenAI's API; ~/.config/opencode/opencode.json", program: "opencode"
    ) { target, places in
        var model: JSONObject = ["name": .string(target.model)]
        if let context = target.contextLength { model["limit"] = ["context": .int(context), "output": .int(target.outputLimit)] }
        let provider: JSON = [
            "npm": "@ai-sdk/openai-compatible", "name": "Shimmy",
            "options": ["baseURL": .string(target.api), "apiKey": .string(target.key.text)],
            "models": [target.model: .object(model)],
        ]
        let content: JSON = [
            "$schema": "https://opencode.ai/config.json", "model": .string("shimmy/" + target.model), "provider": ["shimmy": provider],
        ]
        let folder = places.config + "/opencode"
        return ConnectRecipe(
            file: ConnectFile(path: places.existing(folder + "/opencode.json", folder + "/opencode.jsonc"), content: .json(content)),
            start: ConnectStart(variables: [ConnectVariable("OPENCODE_CONFIG_CONTENT", content.text)]), notes: Self.largeContext(target, "OpenCode"))
    }

    private static let aider = ConnectClient(
        name: "aider", title: "aider", about: "OpenAI's API; environment, or ~/.aider.conf.yml", program: "aider"
    ) { target, places in
        let model = "openai/" + target.model
        return ConnectRecipe(
            variables: [
                ConnectVariable("OPENAI_API_BASE", target.api), ConnectVariable("OPENAI_API_KEY", target.key.text),
                ConnectVariable("AIDER_MODEL", model),
            ],
            file: ConnectFile(
                path: places.home + "/.aider.conf.yml",
                content: .yaml(
                    """
                    model: \(YAMLText.quoted(model))
                    openai-api-base: \(YAMLText.quoted(target.api))
                    openai-api-key: \(YAMLText.quoted(target.key.text))

                    """)))
    }

    private static let goose = ConnectClient(
        name: "goose", title: "goose", about: "OpenAI's API; environment, or ~/.config/goose/config.yaml", program: "goose",
        defaultArguments: ["session"]
    ) { target, places in
        var variables = [
            ConnectVariable("GOOSE_PROVIDER", "openai"), ConnectVariable("GOOSE_MODEL", target.model), ConnectVariable("OPENAI_HOST", target.root),
            ConnectVariable("OPENAI_BASE_PATH", "v1/chat/completions"),
        ]
        if let context = target.contextLength { variables.append(ConnectVariable("GOOSE_CONTEXT_LIMIT", "\(context)")) }
        // The file may not contain the key.
        let key = ConnectVariable("OPENAI_API_KEY", target.key.text)
        let text = variables.map { variable in
            "\(variable.name): \(Int(variable.value) == nil ? YAMLText.quoted(variable.value) : variable.value)\n"
        }
        return ConnectRecipe(
            variables: variables + [key], file: ConnectFile(path: places.config + "/goose/config.yaml", content: .yaml(text.joined())),
            fileVariables: [key])
    }

    private static let crush = ConnectClient(
        name: "crush", title: "Crush", about: "OpenAI's API; ~/.config/crush/crush.json", program: "crush"
    ) { target, places in
        let model: JSON = [
            "id": .string(target.model), "name": .string(target.model), "context_window": .int(target.assumedContextLength),
            "default_max_tokens": .int(target.outputLimit), "cost_per_1m_in": 0, "cost_per_1m_out": 0, "cost_per_1m_in_cached": 0,
            "cost_per_1m_out_cached": 0, "can_reason": false, "supports_attachments": false,
        ]
        let choice: JSON = ["model": .string(target.model), "provider": "shimmy"]
        let content: JSON = [
            "$schema": "https://charm.land/crush.json",
            "providers": [
                "shimmy": [
                    "name": "Shimmy", "type": "openai-compat", "base_url": .string(target.api), "api_key": .string(target.key.text),
                    "models": [model],
                ]
            ],
            "models": ["large": choice, "small": choice],
        ]
        return ConnectRecipe(file: ConnectFile(path: places.config + "/crush/crush.json", content: .json(content)))
    }

    private static let llm = ConnectClient(
        name: "llm", title: "llm", about: "OpenAI's API; extra-openai-models.yaml in llm's directory", program: "llm"
    ) { target, places in
        let model = YAMLText.quoted(target.model)
        var text = """
            - model_id: \(model)
              model_name: \(model)
              api_base: \(YAMLText.quoted(target.api))
              supports_tools: true
              supports_schema: true

            """
        var notes = ["Use it with \(ShellText.command(["llm", "-m", target.model, "PROMPT"]))."]
        if target.key.isNeeded {
            text += "  api_key_name: shimmy\n"
            notes.append("Store the key with \(ShellText.command(["llm", "keys", "set", "shimmy", "--value", target.key.text])).")
        }
        let folder = places.environment["LLM_USER_PATH"].flatMap { $0.isEmpty ? nil : $0 } ?? places.applicationSupport + "/io.datasette.llm"
        return ConnectRecipe(file: ConnectFile(path: folder + "/extra-openai-models.yaml", content: .yaml(text)), notes: notes)
    }

    private static let copilotCLI = ConnectClient(
        name: "copilot-cli", title: "GitHub Copilot CLI", about: "OpenAI's Responses API; environment", program: "copilot"
    ) { target, _ in
        var variables = [
            ConnectVariable("COPILOT_PROVIDER_BASE_URL", target.api), ConnectVariable("COPILOT_PROVIDER_API_KEY", target.key.text),
            ConnectVariable("COPILOT_PROVIDER_WIRE_API", "responses"), ConnectVariable("COPILOT_MODEL", target.model),
        ]
        if let context = target.contextLength {
            variables.append(ConnectVariable("COPILOT_PROVIDER_MAX_PROMPT_TOKENS", "\(max(1, context - target.outputLimit))"))
            variables.append(ConnectVariable("COPILOT_PROVIDER_MAX_OUTPUT_TOKENS", "\(target.outputLimit)"))
        }
        return ConnectRecipe(variables: variables, notes: Self.largeContext(target, "Copilot CLI"))
    }

    /// Returns a warning for a client whose first prompt alone has tens of thousands of tokens.
    private static func largeContext(_ target: ConnectTarget, _ title: String) -> [String] {
        let needed = 32768
        if let trained = target.trainedContextLength, trained < needed {
            return ["\(title) sends long prompts, but the model was trained with only \(trained) tokens of context; use a model with a longer one."]
        }
        guard let context = target.contextLength, context < needed else { return [] }
        return ["\(title) sends long prompts, but the context has only \(context) tokens; serve the model with a larger --ctx-size."]
    }
}
