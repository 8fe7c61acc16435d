import ShimmyConfiguration
import ShimmyCore
import ShimmyJSON
import Testing

@Suite struct ModelPresetTests {
    private func read(_ text: String) -> ConfigurationFile {
        ConfigurationFile(text: text, path: "c", paths: PathBase(folder: "/etc", home: "/home/me"))
    }

    @Test func presetsAreRead() throws {
        let file = read(
            """
            [model."user/repo:Q4_K_M"]
            context = 4096
            slots = 2
            chat_template = "{{ messages }}"
            system = ""
            defaults = { temperature = 0.5, stop = ["a", "b"], logit_bias = { "5" = -100 } }
            forced = { seed = 7 }
            aliases = ["x", "y"]
            keep_alive = -1
            pin = true
            preload = true
            moderation = true
            lora = [{ path = "one.gguf" }, { path = "~/two.gguf", scale = 0.5 }]
            """)
        #expect(file.problems.isEmpty)
        var expected = ModelPreset(name: "user/repo:Q4_K_M")
        (expected.context, expected.slots, expected.chatTemplate, expected.system) = (4096, 2, .text("{{ messages }}"), "")
        expected.defaults = ["temperature": 0.5, "stop": ["a", "b"], "logit_bias": ["5": -100]]
        expected.forced = ["seed": 7]
        (expected.aliases, expected.keepAlive, expected.pin, expected.preload) = (["x", "y"], .forever, true, true)
        expected.moderation = true
        let preset = try #require(file.presets.first)
        expected.lora = preset.lora
        #expect(preset == expected)
        #expect(preset.lora.map(\.path) == ["/etc/one.gguf", "/home/me/two.gguf"])
        #expect(preset.lora.map(\.scale) == [1, 0.5])
    }

    @Test func isolationIsRead() {
        let file = read(
            """
            [engine]
            isolation = "process"
            [model.a]
            isolation = "none"
            isolation_memory = "2G"
            [model.b]
            isolation = "thread"
            """)
        #expect(file.problems.map(\.description) == ["c:7: model.b.isolation: it must be one of \"none\", \"process\", not \"thread\"."])
        #expect(file.values[Setting.isolation.variable] == "process")
        #expect(file.presets[0].isolation == .shared && file.presets[0].isolationMemory == 2_000_000_000)
        #expect(file.presets[0].concernsLoading && !ModelPreset(name: "c").concernsLoading)
        #expect(ModelPreset(name: "c").over(file.presets[0]).isolation == .shared)
    }

    @Test func whatOneSaysWinsOverWhatItStandsOn() throws {
        let presets = read(
            """
            [model.a]
            context = 512
            system = "one"
            defaults = { temperature = 1, top_p = 0.5 }
            aliases = ["z"]
            [model.b]
            base = "a"
            slots = 3
            defaults = { temperature = 0 }
            """
        ).presets
        let merged = presets[1].over(presets[0])
        #expect(merged.name == "b" && merged.base == "a" && merged.aliases.isEmpty)
        #expect((merged.context, merged.slots, merged.system) == (512, 3, "one"))
        #expect(merged.defaults == ["temperature": 0, "top_p": 0.5])
    }

    @Test(arguments: [
        ("[model.a]\nname = 1", "model.a.name: there is no such key."),
        ("[model.a]\ntemperature = 1", "model.a.temperature: there is no such key."),
        ("[model.a]\nmax_tokens_over_context = \"clamp\"", "model.a.max_tokens_over_context: this key belongs in [server]."),
        ("[model.a]\nsytem = \"x\"", "model.a.sytem: there is no such key. Did you mean 'system'?"),
        ("[model.a]\ncontext = 8", "model.a.context: it must be an integer from 16 to 16777216, not 8."),
        (
            "[model.a]\nchat_template = \"x\"\nchat_template_file = \"y\"",
            "model.a.chat_template_file: 'chat_template' is also set; only one of the two can be used."
        ),
        ("[model.a]\ndefaults = 1", "model.a.defaults: it must be a table, not 1."),
        ("[model.a]\nlora = [{ scale = 1 }]", "model.a.lora.0: 'path' is missing."),
        ("[model.a]\nlora = [{ path = \"p\", weight = 1 }]", "model.a.lora.0.weight: there is no such key."),
        (
            "[model.a]\nkeep_alive = \"5 minutes\"",
            "model.a.keep_alive: it must be a duration: seconds, a string such as \"5m\" or \"2h\", or -1 for ever, not \"5 minutes\"."
        ),
        ("[model.a]\nbase = \"A\"", "model.a.base: a model cannot be its own base."),
        ("[model.a]\nbase = \"x\"\n[model.b]\nbase = \"a\"", "model.b.base: 'a' itself has a base; use that model as the base."),
        ("[model.a]\naliases = [\"B\"]\n[model.b]", "model.a.aliases: 'B' is already a name of b."),
        ("[model.a]\naliases = [\"x\"]\n[model.b]\naliases = [\"x\"]", "model.b.aliases: 'x' is already a name of a."),
        (
            "[model.a]\nbase = \"x\"\npin = true",
            "model.a.pin: this model differs from its base only in its requests and shares the loaded base; set this key in the base's table."
        ),
        ("model.a = 1", "model: each model needs its own table, such as [model.\"a\"]."),
    ])
    func mistakesAreNamed(text: String, problem: String) {
        let problems = read(text).problems.map(\.description)
        #expect(problems.count == 1 && problems[0].hasSuffix(": " + problem), "\(problems)")
    }
}
