import ShimmyConfiguration
import ShimmyJSON
import Testing

/// The tables of upstream servers.
@Suite struct UpstreamTableTests {
    private func read(_ text: String) -> ConfigurationFile {
        ConfigurationFile(text: text, path: "shimmy.toml", paths: PathBase(folder: "/etc/shimmy", home: "/home/me"))
    }

    @Test func aTableIsAnUpstream() throws {
        let file = read(
            """
            [upstream."gpu-box"]
            url = "http://gpu-box:8000/v1/"
            kind = "vllm"
            dialect = "responses"
            api_key_env = "GPU_KEY"
            models = ["qwen*"]
            prefix = "gpu-"
            priority = -2
            weight = 0.5
            timeout = 30
            first_byte_timeout = 60.5
            connect_timeout = 1
            health = "/ping"
            health_interval = 2
            max_concurrency = 8
            headers = { x-team = "a" }
            tls_ca = "ca.pem"
            fields = { drop = ["user"], add = { top_k = 40 } }

            [upstream.cloud]
            url = "https://api.example.com"
            api_key = "secret"
            kind = "auto"

            [upstream.socket]
            url = "unix:/run/shimmy.sock"
            """)
        #expect(file.problems.isEmpty, "\(file.problems)")
        let gpu = try #require(file.upstreams.first { $0.name == "gpu-box" })
        #expect(gpu.url == "http://gpu-box:8000" && gpu.kind == "vllm" && gpu.key == .variable("GPU_KEY") && gpu.models == ["qwen*"])
        #expect(gpu.dialect == "responses")
        #expect(gpu.prefix == "gpu-" && gpu.priority == -2 && gpu.weight == 0.5 && gpu.maxConcurrency == 8)
        #expect([gpu.idleSeconds, gpu.firstByteSeconds, gpu.connectSeconds, gpu.healthSeconds] == [30, 60.5, 1, 2])
        #expect(gpu.healthPath == "/ping" && gpu.certificates == "/etc/shimmy/ca.pem" && gpu.droppedFields == ["user"])
        #expect(gpu.addedFields == ["top_k": 40])
        let headers = gpu.headers.map { "\($0.name): \($0.value)" }
        #expect(headers == ["x-team: a"])
        let cloud = try #require(file.upstreams.first { $0.name == "cloud" })
        #expect(cloud.key == .text("secret") && cloud.kind == nil && cloud.url == "https://api.example.com")
        #expect(file.upstreams.first { $0.name == "socket" }?.url == "unix:/run/shimmy.sock")
    }

    @Test(arguments: [
        ("kind = \"vllm\"", "needs a url"), ("url = \"gpu:8000\"", "url"), ("url = \"http://me:pw@gpu\"", "without a user"),
        ("url = \"http://\"", "url"), ("url = \"http://a\"\nkind = \"tgi\"", "kind"),
        ("url = \"http://a\"\napi_key = \"a b\"", "api_key"), ("url = \"http://a\"\napi_key = \"a\"\napi_key_env = \"B\"", "at most one"),
        ("url = \"http://a\"\nweight = 0", "weight"), ("url = \"http://a\"\ntimeout = 0", "timeout"),
        ("url = \"http://a\"\nmax_concurrency = 0", "max_concurrency"), ("url = \"http://a\"\nhealth = \"x\"", "health"),
        ("url = \"http://a\"\nheaders = { \"a b\" = \"c\" }", "headers"), ("url = \"http://a\"\nfields = { keep = [] }", "fields"),
        ("url = \"http://a\"\nfields = { drop = [1] }", "drop"), ("url = \"http://a\"\ncolour = 1", "no such key"),
    ])
    func everyMistakeIsTold(lines: String, problem: String) throws {
        let problems = read("[upstream.a]\n" + lines).problems.map(\.description)
        #expect(problems.count == 1)
        let only = try #require(problems.first)
        #expect(only.hasPrefix("shimmy.toml:") && only.contains(problem) && !only.contains("pw@"))
    }

    @Test func namesHaveNoSlash() {
        #expect(read("[upstream.\"a/b\"]\nurl = \"http://a\"").problems.count == 1)
        #expect(read("[upstream]\na = 1").problems.map(\.message).contains { $0.contains("own table") })
    }
}
