import ShimmyAPI
import ShimmyChat
import ShimmyEngine
import ShimmyJSON
import ShimmyModels
import ShimmyServer
import ShimmyService
import ShimmyTestSupport
import Testing

/// Ollama's routes about models, with scripted models and without files.
@Suite struct OllamaModelRouteTests {
    private static func server(_ library: ScriptedLibrary = ScriptedLibrary()) -> ScriptedServer {
        let (talker, other) = (ScriptedGenerator(says: ["Hi"]), FakeBackend())
        var server = ScriptedServer(models: ["talker": { talker.backend() }, "embedder": { other.backend }, "judge": { other.backend }])
        server.library = library
        return server
    }

    /// Returns the text of an error, and checks that it has Ollama's form.
    private static func text(of answer: ScriptedServer.Answer) throws -> String {
        #expect(answer.json.objectValue?.keys == ["error"])
        return try #require(answer.json["error"]?.stringValue)
    }

    // MARK: Descriptions

    @Test func theVersionIsNewEnough() async throws {
        let answer = try await Self.server().send("GET", "/api/version")
        let numbers = try #require(answer.json["version"]?.stringValue).split(separator: ".").compactMap { Int($0) }
        #expect(numbers.count == 3 && !numbers.lexicographicallyPrecedes([0, 13, 4]))
        #expect(answer.json["shimmy"] != nil)
    }

    @Test func tagsListEveryModel() async throws {
        let models = try #require(try await Self.server().send("GET", "/api/tags").json["models"]?.arrayValue)
        #expect(models.map { $0["name"] } == ["embedder:latest", "judge:latest", "talker:latest"])
        #expect(models.allSatisfy { $0["model"] == $0["name"] && $0["digest"]?.stringValue?.count == 64 && $0["size"] == 1 })
        #expect(models.allSatisfy { $0["modified_at"] == "1970-01-01T00:00:00.000000000Z" && $0["details"]?["format"] == "gguf" })
        #expect(try await Self.server().send("GET", "/api/ps").json == ["models": []])
        #expect(try await Self.server().send("HEAD", "/api/tags").status == 200)
    }

    @Test(arguments: [#"{"model": "talker"}"#, #"{"name": "talker"}"#, #"{"name": "Talker:latest", "model": ""}"#])
    func aModelIsShownUnderAllItsNames(body: String) async throws {
        let answer = try await Self.server().send("POST", "/api/show", body)
        #expect(answer.status == 200 && answer.json["capabilities"] == ["completion", "tools"])
        #expect(answer.json["model_info"]?["general.architecture"] == "unknown")
    }

    @Test func capabilitiesDependOnTheModel() async throws {
        var server = Self.server(ScriptedLibrary(metadata: ["general.architecture": "llama", "llama.context_length": 99, "general.license": "mit"]))
        server.tokenizer = TokenizerFacts(beginning: nil, end: nil, template: "{{ messages }}")
        server.tokenizer?.infills = true
        server.tokenizer?.thinks = true
        let talker = try await server.post("/api/show", ["model": "talker"]).json
        #expect(talker["capabilities"] == ["completion", "tools", "insert", "thinking"])
        #expect(talker["template"] == "{{ messages }}{# .Suffix #}" && talker["license"] == "mit")
        #expect(talker["model_info"]?["llama.context_length"] == 99)
        #expect(try await server.post("/api/show", ["model": "embedder"]).json["capabilities"] == ["embedding"])
        #expect(try await server.post("/api/show", ["model": "judge"]).json["capabilities"] == [])
    }

    @Test func aPresetIsShown() async throws {
        var server = Self.server()
        server.preset = RequestPreset(
            system: "You are Ada.", examples: [ChatMessage(.user, "Hi")], defaults: ["max_tokens": 9, "stop": ["a", "b"]],
            forced: ["temperature": 0.5])
        let answer = try await server.post("/api/show", ["model": "talker"]).json
        #expect(answer["system"] == "You are Ada." && answer["messages"] == [["role": "user", "content": "Hi"]])
        let lines = try #require(answer["parameters"]?.stringValue).split(separator: "\n").map { $0.split(separator: " ").joined(separator: " ") }
        #expect(lines == ["num_predict 9", #"stop "a""#, #"stop "b""#, "temperature 0.5"])
    }

    // MARK: Errors and access

    @Test(arguments: ["/api/show", "/api/copy", "/api/delete", "/api/create"]) func unknownModelsAreAsOllamaReportsThem(path: String) async throws {
        let body = #"{"model": "new", "source": "nobody", "destination": "a", "from": "nobody"}"#
        let shown = path == "/api/show" || path == "/api/delete" ? #"{"model": "nobody"}"# : body
        let answer = try await Self.server().send(path == "/api/delete" ? "DELETE" : "POST", path, shown)
        #expect(answer.status == 404)
        #expect(try Self.text(of: answer) == "model 'nobody' not found")
    }

    @Test(arguments: [
        ("/api/show", "{}", "'model'"), ("/api/show", #"{"model": 1}"#, "'model'"), ("/api/copy", #"{"source": "talker"}"#, "'destination'"),
        ("/api/create", #"{"model": "a"}"#, "neither 'from' nor 'files'"),
        ("/api/create", #"{"model": "a", "from": "talker", "files": {"a": "b"}}"#, "'files'"),
        ("/api/create", #"{"model": "a", "from": "talker", "parameters": {"temperature": "hot"}}"#, "'parameters.temperature'"),
        ("/api/create", #"{"model": "a", "from": "talker", "parameters": {"temperature": [9]}}"#, "'parameters.temperature'"),
        ("/api/create", #"{"model": "a", "from": "talker", "messages": [{"role": "usher", "content": "x"}]}"#, "usher"),
        ("/api/create", #"{"model": "a", "from": "talker", "quantize": "q4_K_M"}"#, "'quantize'"),
        ("/api/create", #"{"model": "a", "from": "talker", "template": "{{ a \"b\" }}"}"#, "'template': the parser's words"),
        ("/api/create", #"{"model": "a", "files": {"a.gguf": "sha256:12"}}"#, "digest"), ("/api/pull", "{", "JSON"), ("/api/push", "{}", "registry"),
    ])
    func mistakesAreNamed(path: String, body: String, words: String) async throws {
        let answer = try await Self.server().send("POST", path, body)
        #expect(answer.status == 400)
        #expect(try Self.text(of: answer).contains(words))
    }

    @Test func anyContentTypeIsRead() async throws {
        for type in ["text/plain", "application/x-www-form-urlencoded"] {
            #expect(try await Self.server().send("POST", "/api/show", #"{"model": "talker"}"#, headers: ["content-type": type]).status == 200)
        }
    }

    @Test(arguments: ["/api/show", "/api/pull", "/api/create", "/api/copy", "/api/blobs/sha256:\(String(repeating: "a", count: 64))"])
    func aForeignPageCausesNothing(path: String) async throws {
        let answer = try await Self.server().send(
            "POST", path, #"{"model": "talker"}"#, headers: ["origin": "https://evil.example", "content-type": "text/plain"])
        #expect(answer.status == 403)
        #expect(try Self.text(of: answer).contains("evil.example"))
    }

    // MARK: Pulls

    @Test func onlyTheHubIsPulledFrom() async throws {
        let unknown = try await Self.server().post("/api/pull", ["model": "llama3.2"])
        #expect(unknown.status == 404)
        #expect(try Self.text(of: unknown).contains("hf.co/USER/REPO"))
        let known = try await Self.server().post("/api/pull", ["name": "talker:latest", "insecure": true])
        #expect(known.lines == [["status": "pulling manifest"], ["status": "success"]])
        #expect(known.header("content-type") == "application/x-ndjson" && known.header("x-shimmy-ignored-params") == "insecure")
        #expect(try await Self.server().post("/api/pull", ["model": "talker", "stream": false]).json == ["status": "success"])
    }

    // MARK: Changes

    @Test func aCopyIsAnAlias() async throws {
        let library = ScriptedLibrary()
        let answer = try await Self.server(library).post("/api/copy", ["source": "talker:latest", "destination": "user/mine:latest"])
        #expect(answer.status == 200 && answer.body.isEmpty)
        #expect(library.changes.aliases == ["user/mine": "talker"])
        let strict = ScriptedLibrary(refusal: ModelLibraryRefusal("no"))
        let refused = try await Self.server(strict).post("/api/copy", ["source": "talker", "destination": "b"])
        #expect(refused.status == 400)
        #expect(try Self.text(of: refused) == "Invalid 'destination': no.")
    }

    @Test func aModelIsDeleted() async throws {
        let library = ScriptedLibrary()
        let answer = try await Self.server(library).send("DELETE", "/api/delete", #"{"name": "talker"}"#)
        #expect(answer.status == 200 && answer.body.isEmpty && library.changes.removed == ["talker"])
    }

    @Test func aNameWhoseModelIsGoneIsDeleted() async throws {
        let library = ScriptedLibrary(ghost: "ghost")
        let answer = try await Self.server(library).send("DELETE", "/api/delete", #"{"model": "ghost"}"#)
        #expect(answer.status == 200 && library.changes.removed == ["ghost"])
    }

    @Test(arguments: [-5, 1_000_000_000]) func aContextWithoutItsWholeEffectIsReported(tokens: Int) async throws {
        let library = ScriptedLibrary()
        let answer = try await Self.server(library).post(
            "/api/create", ["model": "ada", "from": "talker", "parameters": ["num_ctx": .int(tokens)]])
        #expect(answer.status == 200 && answer.header("x-shimmy-ignored-params") == "parameters.num_ctx")
        #expect(library.changes.created.first?.hints.contextLength == (tokens > 0 ? tokens : nil))
    }

    @Test func aModelIsCreated() async throws {
        let library = ScriptedLibrary()
        let answer = try await Self.server(library).post(
            "/api/create",
            [
                "model": "ada:latest", "from": "talker:latest", "system": "You are Ada.", "license": ["a", "b"], "template": "{{ .Prompt }}",
                "messages": [["role": "user", "content": "Hi"]], "parameters": ["num_ctx": 512, "stop": "x", "num_thread": 3],
            ])
        #expect(answer.lines.last == ["status": "success"] && answer.header("x-shimmy-ignored-params") == "parameters.num_thread, template")
        let model = try #require(library.changes.created.first)
        #expect(model.name == "ada" && model.base == "talker" && model.license == "a\nb" && model.template == nil)
        #expect(model.hints.system == "You are Ada." && model.hints.messages == [.init(role: "user", content: "Hi")])
        #expect(model.hints.contextLength == 512 && model.hints.defaults == ["stop": ["x"]])
        let whole = try await Self.server(library).post(
            "/api/create", ["model": "b", "from": "talker", "template": "{{ messages }}", "stream": false])
        #expect(whole.json == ["status": "success"] && library.changes.created.last?.template == "{{ messages }}")
    }

    @Test func aModelWithoutSettingsIsAnAlias() async throws {
        let library = ScriptedLibrary()
        _ = try await Self.server(library).post("/api/create", ["model": "ada", "from": "talker"])
        #expect(library.changes.created.isEmpty && library.changes.aliases == ["ada": "talker"])
    }

    @Test(arguments: ["sha256:12", "sha256-..%2F..%2Fetc", "md5:\(String(repeating: "a", count: 64))", "sha256:\(String(repeating: "x", count: 64))"])
    func digestsAreChecked(digest: String) async throws {
        let looked = try await Self.server().send("HEAD", "/api/blobs/\(digest)")
        #expect(looked.status == 400 && looked.body.isEmpty)
        let sent = try await Self.server().send("POST", "/api/blobs/\(digest)", "x")
        #expect(sent.status == 400)
        #expect(try Self.text(of: sent).contains("64 hexadecimal digits"))
    }

    @Test func aFullDiskIsA507() async throws {
        let library = ScriptedLibrary(refusal: ModelLibraryRefusal("/data cannot be written: No space left on device", isOfDisk: true))
        for (path, body) in [
            ("/api/copy", ["source": "talker", "destination": "ada"]), ("/api/create", ["model": "ada", "from": "talker", "system": "x"]),
        ] as [(String, JSON)] {
            let answer = try await Self.server(library).post(path, body)
            #expect(answer.status == 507)
            #expect(try Self.text(of: answer).contains("No space left on device"))
        }
    }

    @Test func anUnknownFileIsA404WithoutABody() async throws {
        let answer = try await Self.server().send("HEAD", "/api/blobs/sha256:\(String(repeating: "a", count: 64))")
        #expect(answer.status == 404 && answer.body.isEmpty)
    }
}
