import ShimmyConfiguration
import ShimmyJSON
import Testing

@Suite struct ConfigurationFileTests {
    private func read(_ text: String) -> ConfigurationFile {
        ConfigurationFile(text: text, path: "shimmy.toml", paths: PathBase(folder: "/etc/shimmy", home: "/home/me"))
    }

    private func problems(_ text: String) -> [String] { read(text).problems.map(\.description) }

    @Test func settingsBecomeVariables() {
        let file = read(
            """
            [server]
            port = "auto"
            allow_origin = ["https://a.example", "https://b.example"]
            insecure = true

            [engine]
            ctx_size = 2048
            deterministic = false

            [models]
            model_dir = ["~/models", "here", "/there"]
            keep_alive = 90
            memory_budget = "6G"

            [storage]
            prefix_cache_dir = "prefixes"
            """)
        #expect(file.problems.isEmpty)
        #expect(
            file.values == [
                "SHIMMY_PORT": "auto", "SHIMMY_ALLOW_ORIGIN": "https://a.example,https://b.example", "SHIMMY_INSECURE": "true",
                "SHIMMY_CTX_SIZE": "2048", "SHIMMY_DETERMINISTIC": "false", "SHIMMY_MODEL_DIR": "/home/me/models,/etc/shimmy/here,/there",
                "SHIMMY_KEEP_ALIVE": "90.0", "SHIMMY_MEMORY_BUDGET": "6G", "SHIMMY_PREFIX_CACHE_DIR": "/etc/shimmy/prefixes",
            ])
        #expect(file.lines["SHIMMY_CTX_SIZE"] == 7)
    }

    @Test func everyProblemIsToldWithItsLine() {
        #expect(
            problems(
                """
                [server]
                prot = 1
                port = 70000
                host = ["a",
                  "b"] # and so on
                ctx-size = 4

                [engine]
                slots = 0
                threads = 1.5
                api_key = "x"
                cpu_kernels = "fast"

                [modle]
                [models]
                keep_alive = "soon"
                model_dir = [1]
                """) == [
                    "shimmy.toml:2: server.prot: there is no such key. Did you mean 'port'?",
                    "shimmy.toml:3: server.port: it must be a port from 1 to 65535, or \"auto\", not 70000.",
                    "shimmy.toml:4: server.host: it must be a string, not a list.",
                    "shimmy.toml:6: server.ctx-size: there is no such key. Did you mean 'ctx_size'?",
                    "shimmy.toml:9: engine.slots: it must be an integer from 1 to 256, not 0.",
                    "shimmy.toml:10: engine.threads: it must be an integer from 1 to 1024, not 1.5.",
                    "shimmy.toml:11: engine.api_key: this key belongs in [server].",
                    "shimmy.toml:12: engine.cpu_kernels: it must be one of \"auto\", \"off\", not \"fast\".",
                    "shimmy.toml:14: modle: there is no such table. Did you mean 'model'?",
                    "shimmy.toml:16: models.keep_alive: it must be a duration: seconds, a string such as \"5m\" or \"2h\", or -1 for ever, "
                        + "not \"soon\".",
                    "shimmy.toml:17: models.model_dir: it must be a list of strings with paths, not a list.",
                ])
    }

    @Test(arguments: [#""sekret,b""#, #"["sekret,b"]"#, #"["sekret", ""]"#, "1234567890", "{ sekret = 1 }"])
    func aMessageNeverHasAKey(value: String) throws {
        let file = read("[server]\napi_key = \(value)\n")
        let problem = try #require(file.problems.first)
        #expect(problem.description.contains("server.api_key: it must be a list") && !problem.description.contains("sekret"))
        #expect(!problem.description.contains("1234567890"))
    }

    @Test func aTextIsAListOfOne() { #expect(read("[server]\napi_key = \"k1234567\"\n").problems.isEmpty) }

    @Test func whatIsNoTOMLIsToldWithItsLine() throws {
        let problem = try #require(read("[server]\nport = = 1\n").problems.first)
        #expect(problem.line == 2)
        #expect(read("[server]\nport = 1\nport = 2").problems.map(\.line) == [3])
        #expect(read("port = 1\n[server]\nbase = 1979-05-27").problems.count == 2)
        #expect(read(String(repeating: "#", count: 2_000_000)).problems.count == 1)
    }

    @Test func linesAreFoundBehindLongValues() {
        let file = read(
            #"""
            # a [comment] = "with" quotes
            [model."a.b"]
            system = """
            [engine]
            slots = "\""" = 4 """
            aliases = [
              "x", # ]
              "y",
            ]
            context = "wide"
            defaults.top_k = 1
            [[model.'a.b'.lora]]
            path = 'one'
            [[model.'a.b'.lora]]
            scale = {x = 1}
            """#)
        #expect(
            file.problems.map(\.description) == [
                "shimmy.toml:10: model.\"a.b\".context: it must be an integer from 16 to 16777216, not \"wide\".",
                "shimmy.toml:14: model.\"a.b\".lora.1: 'path' is missing.",
                "shimmy.toml:15: model.\"a.b\".lora.1.scale: it must be a number from -10 to 10, not a table.",
            ])
    }

    @Test func theExampleSetsNothingAndNamesEverything() {
        let example = ExampleFile.text
        let untouched = read(example)
        #expect(untouched.problems.isEmpty)
        #expect(untouched.values.isEmpty)
        #expect(untouched.presets.isEmpty)
        let uncommented = read(
            example.split(separator: "\n").map { $0.firstMatch(of: #/^#(?=[^ #])/#) == nil ? $0 : $0.dropFirst() }.joined(separator: "\n"))
        #expect(uncommented.problems.isEmpty, "\(uncommented.problems)")
        #expect(Set(uncommented.lines.keys) == Set(Settings.all.map(\.variable)))
        #expect(uncommented.presets.map(\.name) == ["SmolLM2-135M-Instruct", "pirate"])
        #expect(!uncommented.presets[0].lora.isEmpty && uncommented.presets[0].pin == false && uncommented.presets[0].concernsLoading)
    }

    @Test func everySettingIsThereOnce() {
        #expect(Set(Settings.all.map(\.key)).count == Settings.all.count)
        #expect(Set(Settings.all.map(\.table)) == Set(Settings.tables.map(\.name)))
    }

    @Test func everyDefaultIsAValueOfItsKind() {
        for setting in Settings.all {
            guard let value = setting.defaultValue else { continue }
            #expect(setting.kind.accepts(value), "\(setting.path) is \(value)")
        }
    }

    @Test func theHelpOfAnOptionNamesTheDefaultAndTheVariable() {
        #expect(Setting.maxRequests.optionName == "--max-requests")
        #expect(Setting.maxRequests.optionHelp == "Max requests in flight. Default: 4096. [SHIMMY_MAX_REQUESTS]")
        #expect(
            Setting.prefixCacheSize.optionHelp
                == "Max bytes of the cached prefixes on the disk, such as 500M or 4G. Default: 4G. [SHIMMY_PREFIX_CACHE_SIZE]")
        #expect(Setting.maxModels.optionHelp == "Max loaded models. Default: as many as the memory budget allows. [SHIMMY_MAX_MODELS]")
        #expect(Setting.noStore.optionHelp == "Do not store responses, conversations or chat completions. [SHIMMY_NO_STORE]")
        #expect(
            Setting.apiKey.optionHelp == "API key; clients must send one of the keys. Repeatable. [SHIMMY_API_KEY, comma-separated]")
        #expect(
            Setting.host.optionHelp
                == "Address to listen on. Default: 127.0.0.1 and ::1. [SHIMMY_HOST, or SHIMMY_BIND_ADDRESS as host:port]")
        #expect(Setting.host.optionHelp(as: "Server address.") == "Server address. [SHIMMY_HOST]")
    }

    @Test func namesAreGuessed() {
        #expect(KeywordSuggestion.closest(to: "temprature", among: ["temperature", "top_p"]) == "temperature")
        #expect(KeywordSuggestion.closest(to: "KEEP-ALIVE", among: ["keep_alive"]) == "keep_alive")
        #expect(KeywordSuggestion.closest(to: "zzz", among: ["keep_alive", "port"]) == nil)
    }
}
