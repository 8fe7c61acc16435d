import ShimmyConfiguration
import ShimmyJSON

extension ConnectClient {
    /// Editors and their extensions.
    static let editors: [ConnectClient] = [cline, roo, continueClient, zed, copilot, llamaCode, llamaVim]

    private static let cline = ConnectClient(
        name: "cline", title: "Cline", about: "OpenAI's API; a command for its CLI, fields for the extension", program: "cline"
    ) { target, _ in
        var fields = Self.openAIFields(target, provider: "OpenAI Compatible")
        if let context = target.contextLength {
            fields.append((label: "Context Window Size", value: "\(context)"))
            fields.append((label: "Max Output Tokens", value: "\(target.outputLimit)"))
        }
        let command = [
            "cline", "auth", "--provider", "openai-compatible", "--baseurl", target.api, "--modelid", target.model, "--apikey", target.key.text,
        ]
        return ConnectRecipe(command: command, fields: fields)
    }

    private static let roo = ConnectClient(
        name: "roo", title: "Roo Code", about: "OpenAI's API; ~/roo-code-settings.json, to import in Roo's settings"
    ) { target, places in
        let profile: JSON = [
            "apiProvider": "openai", "openAiBaseUrl": .string(target.api), "openAiApiKey": .string(target.key.text),
            "openAiModelId": .string(target.model),
            "openAiCustomModelInfo": [
                "contextWindow": .int(target.assumedContextLength), "maxTokens": .int(target.outputLimit), "supportsImages": false,
                "supportsPromptCache": false,
            ],
        ]
        let content: JSON = ["providerProfiles": ["currentApiConfigName": "shimmy", "apiConfigs": ["shimmy": profile]]]
        return ConnectRecipe(
            file: ConnectFile(path: places.home + "/roo-code-settings.json", content: .json(content)),
            notes: ["Import the file on the page About Roo Code of Roo's settings, or name it in the setting roo-cline.autoImportSettingsPath."])
    }

    private static let continueClient = ConnectClient(
        name: "continue", title: "Continue", about: "OpenAI's API; ~/.continue/config.yaml", program: "cn"
    ) { target, places in
        let model = YAMLText.quoted(target.model)
        var text = """
            name: Shimmy
            version: 1.0.0
            schema: v1
            models:
              - name: \(model)
                provider: openai
                model: \(model)
                apiBase: \(YAMLText.quoted(target.api))
                apiKey: \(YAMLText.quoted(target.key.text))
                roles:
                  - chat
                  - edit
                  - apply
                capabilities:
                  - tool_use

            """
        if let context = target.contextLength {
            text += "    defaultCompletionOptions:\n      contextLength: \(context)\n      maxTokens: \(target.outputLimit)\n"
        }
        return ConnectRecipe(
            file: ConnectFile(path: places.directory("CONTINUE_GLOBAL_DIR", or: ".continue") + "/config.yaml", content: .yaml(text)))
    }

    private static let zed = ConnectClient(
        name: "zed", title: "Zed", about: "OpenAI's API; ~/.config/zed/settings.json", program: "zed"
    ) { target, places in
        let model: JSON = [
            "name": .string(target.model), "display_name": .string(target.model), "max_tokens": .int(target.assumedContextLength),
            "max_output_tokens": .int(target.outputLimit),
        ]
        let provider: JSON = ["api_url": .string(target.api), "available_models": [model]]
        return ConnectRecipe(
            file: ConnectFile(
                path: places.config + "/zed/settings.json",
                content: .json(["language_models": ["openai_compatible": ["shimmy": provider]]])),
            fileVariables: [ConnectVariable(Setting.apiKey.variable, target.key.text)],
            notes: ["Zed keeps keys in the keychain: without the variable, enter the key in its settings. Then choose the model in the Agent Panel."])
    }

    private static let copilot = ConnectClient(
        name: "copilot", title: "GitHub Copilot in VS Code", about: "Ollama's API; chatLanguageModels.json of VS Code", program: "code"
    ) { target, places in
        let provider: JSON = ["name": "Shimmy", "vendor": "ollama", "url": .string(target.root)]
        var notes = ["Then choose \(target.model) in the model picker of the chat, under Manage Models."]
        if target.key.isNeeded { notes.append("Copilot sends no key to servers of this kind; the server must accept requests without one.") }
        return ConnectRecipe(
            file: ConnectFile(path: places.applicationSupport + "/Code/User/chatLanguageModels.json", content: .json([provider])), notes: notes)
    }

    private static let llamaCode = ConnectClient(
        name: "llama-vscode", title: "llama.vscode", about: "llama-server's API; settings.json of VS Code", program: "code"
    ) { target, places in
        var settings: JSONObject = ["llama-vscode.ai_api_version": "v1", "llama-vscode.ai_model": .string(target.model)]
        for name in ["endpoint", "endpoint_chat", "endpoint_tools"] { settings["llama-vscode.\(name)"] = .string(target.root) }
        if target.key.isNeeded { settings["llama-vscode.api_key"] = .string(target.key.text) }
        return ConnectRecipe(
            file: ConnectFile(path: places.applicationSupport + "/Code/User/settings.json", content: .json(.object(settings))),
            notes: [Self.gapModel])
    }

    private static let llamaVim = ConnectClient(
        name: "llama-vim", title: "llama.vim", about: "llama-server's API; fields of its variable g:llama_config"
    ) { target, _ in
        var fields = [
            (label: "endpoint_fim", value: target.root + "/infill"), (label: "endpoint_inst", value: target.api + "/chat/completions"),
            (label: "model_fim", value: target.model), (label: "model_inst", value: target.model),
        ]
        if target.key.isNeeded { fields.append((label: "api_key", value: target.key.text)) }
        return ConnectRecipe(fields: fields, notes: [Self.gapModel])
    }

    private static let gapModel =
        "Completion in the editor needs a model that was trained to fill in the middle, such as Qwen2.5-Coder; 'shimmy connect' cannot see that."

    private static func openAIFields(_ target: ConnectTarget, provider: String) -> [(label: String, value: String)] {
        [("API Provider", provider), ("Base URL", target.api), ("API Key", target.key.text), ("Model ID", target.model)]
    }
}
