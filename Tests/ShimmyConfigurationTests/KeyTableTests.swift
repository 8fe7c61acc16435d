import ShimmyConfiguration
import Testing

/// The tables of keys.
@Suite struct KeyTableTests {
    private func read(_ text: String) -> ConfigurationFile {
        ConfigurationFile(text: text, path: "shimmy.toml", paths: PathBase(folder: "/etc/shimmy", home: "/home/me"))
    }

    private func problems(_ text: String) -> [String] { read(text).problems.map(\.description) }

    @Test func aTableIsAKey() throws {
        let file = read(
            """
            [key."Ann's laptop"]
            key = "secret"
            role = "admin"
            models = ["small", "big-*"]
            requests_per_minute = 1
            tokens_per_minute = 2
            tokens_per_day = 3
            concurrency = 4
            max_output_tokens = 5
            weight = 2
            expires = "1970-01-02"

            [key.bob]
            key_file = "bob.key"

            [key.cat]
            key_env = "CAT_KEY"

            [key.dan]
            hash = "\(String(repeating: "aB", count: 32))"
            """)
        #expect(file.problems.isEmpty, "\(file.problems)")
        #expect(Set(file.keys.map(\.name)) == ["Ann's laptop", "bob", "cat", "dan"])
        let ann = try #require(file.keys.first { $0.name == "Ann's laptop" })
        #expect(ann.source == .text("secret") && ann.isAdmin && ann.models == ["small", "big-*"] && ann.weight == 2 && ann.expires == 86_400)
        #expect(
            [ann.requestsPerMinute, ann.tokensPerMinute, ann.tokensPerDay, ann.concurrency, ann.maxOutputTokens] == [1, 2, 3, 4, 5])
        let bob = try #require(file.keys.first { $0.name == "bob" })
        #expect(bob.source == .file("/etc/shimmy/bob.key") && !bob.isAdmin && bob.models.isEmpty && bob.weight == 1 && bob.expires == nil)
        #expect(file.keys.first { $0.name == "cat" }?.source == .variable("CAT_KEY"))
    }

    @Test func everyMistakeIsTold() {
        #expect(
            problems(
                """
                [key.a]
                [key.b]
                key = "x"
                hash = "y"
                [key.c]
                hash = "abc"
                rol = "user"
                [key.d]
                key = "x"
                role = "root"
                weight = 0
                models = "all"
                expires = "soon"
                tokens_per_day = 0
                """) == [
                    "shimmy.toml:1: key.a: a key needs exactly one of key, key_env, key_file, hash.",
                    "shimmy.toml:4: key.b.hash: a key needs exactly one of key, key_env, key_file, hash.",
                    "shimmy.toml:6: key.c.hash: it must be the SHA-256 hash of the key: 64 hexadecimal digits, not \"abc\".",
                    "shimmy.toml:7: key.c.rol: there is no such key. Did you mean 'role'?",
                    "shimmy.toml:10: key.d.role: it must be one of \"user\", \"admin\", not \"root\".",
                    "shimmy.toml:11: key.d.weight: it must be a number from 0.001 to 1000.0, not 0.",
                    "shimmy.toml:12: key.d.models: it must be a list, which is not empty, of model names or patterns with *, at most 100, each of 1 to 256 visible "
                        + "characters, not \"all\".",
                    "shimmy.toml:13: key.d.expires: it must be a date such as 2026-12-31 (the beginning of that day in UTC), or a time such as "
                        + "2026-12-31T18:00:00Z, not \"soon\".",
                    "shimmy.toml:14: key.d.tokens_per_day: it must be an integer from 1 to 1000000000000, not 0.",
                ])
    }

    @Test func aKeyIsNeverPartOfAMessage() {
        for value in ["\"two words-plugh\"", "[\"plugh\"]", "\"\""] {
            let found = problems("[key.a]\nkey = \(value)")
            #expect(found == ["shimmy.toml:2: key.a.key: it must be a string without spaces."])
        }
        #expect(problems("[key]\na = \"plugh\"").first?.contains("plugh") == false)
    }
}
