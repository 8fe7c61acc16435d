import ShimmyConfiguration
import ShimmyTestSupport
import Testing

/// Configuration files with random damage: each is read, or refused with a list of problems.
@Suite struct HostileConfigurationTests {
    private static let text = """
        [server]
        port = "auto"
        allow_origin = ["https://a.example", "https://b.example"]
        drain_seconds = 30
        [engine]
        ctx_size = 2048
        threads = 4
        lora = ["a=/b.gguf:0.5"]
        [models]
        model_dir = ["~/models", "here"]
        keep_alive = 90
        memory_budget = "6G"
        [model."a.b"]
        context = 4096
        keep_alive = "5m"
        aliases = ["x"]
        stop = ["\\u0041", '''b''']
        temperature = 1e-1
        """

    private func read(_ bytes: [UInt8]) -> ConfigurationFile {
        ConfigurationFile(text: String(decoding: bytes, as: UTF8.self), path: "shimmy.toml", paths: PathBase(folder: "/etc", home: "/home/me"))
    }

    @Test(arguments: 0..<8 as Range<UInt64>) func damagedFilesAreReadOrRefused(seed: UInt64) {
        var random = SeededGenerator(seed: seed)
        let sound = Array(Self.text.utf8)
        var refused = 0
        for _ in 0..<500 { refused += read(Damage.apply(to: sound, using: &random)).problems.isEmpty ? 0 : 1 }
        #expect(refused > 100)
    }

    @Test(arguments: [
        "9223372036854775807", "-9223372036854775808", "99999999999999999999", "1e308", "1e400", "inf", "nan", "0x7fffffffffffffff", "\"\"", "[]",
        "{}",
        "1979-05-27T07:32:00Z",
    ])
    func strangeValuesAreReadOrRefused(value: String) {
        for setting in Settings.all {
            let file = read(Array("[\(setting.table)]\n\(setting.key) = \(value)\n".utf8))
            // An accepted number is usable by its setting.
            for text in file.values.values where file.problems.isEmpty { #expect(!text.contains("inf") && !text.contains("nan")) }
        }
        for key in ["context", "slots", "keep_alive", "pin", "preload", "lora", "aliases", "temperature", "seed", "max_tokens", "stop", "system"] {
            _ = read(Array("[model.a]\n\(key) = \(value)\n".utf8))
        }
    }

    /// toml++ fails an assertion for these texts.
    @Test(arguments: ["[", "[[", "[=", "[ %x]", "a = 1\n[[ *]]", "a = [\n [1]\n]\n[é]"]) func headersWithoutANameAreRefused(text: String) {
        #expect(read(Array(text.utf8)).problems.count == 1)
    }

    @Test func linesOfArraysMayLookLikeHeaders() {
        #expect(read(Array("[model.a]\nlora = [\n[\n]\n]\n".utf8)).problems.allSatisfy { !$0.message.contains("the name of a table") })
    }

    /// Deep nesting is refused before the recursive parser overflows the stack.
    @Test(arguments: ["[", "{a=", "[[", "a."]) func deepFilesAreRefused(piece: String) {
        let file = read(Array(("a = " + String(repeating: piece, count: 20_000)).utf8))
        #expect(!file.problems.isEmpty)
        #expect(!read(Array(("[" + String(repeating: "a.", count: 20_000) + "a]\n").utf8)).problems.isEmpty)
    }
}
