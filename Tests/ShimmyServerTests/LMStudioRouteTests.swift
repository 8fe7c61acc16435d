import ShimmyAPI
import ShimmyChat
import ShimmyJSON
import ShimmyModels
import ShimmyServer
import ShimmyTestSupport
import Testing

/// The routes of LM Studio's own API, with scripted models.
@Suite struct LMStudioRouteTests {
    private static func server() -> ScriptedServer {
        let talker = ScriptedGenerator(says: ["x"])
        return ScriptedServer(models: [
            "talker": { talker.backend() }, "embedder": { FakeBackend().backend }, "judge": { FakeBackend().backend },
        ])
    }

    @Test func modelsAreListedInTheOlderForm() async throws {
        let answer = try await Self.server().send("GET", "/api/v0/models")
        #expect(answer.json["object"] == "list")
        let models = answer.json["data"]?.arrayValue ?? []
        #expect(models.map { $0["id"] } == ["embedder", "talker"] && models.map { $0["type"] } == ["embeddings", "llm"])
        let talker: JSON = [
            "id": "talker", "object": "model", "type": "llm", "publisher": "shimmy", "arch": "unknown", "compatibility_type": "gguf",
            "quantization": "unknown", "state": "not-loaded", "max_context_length": 0, "capabilities": ["tool_use"],
        ]
        #expect(models[1] == talker)
        #expect(try await Self.server().send("GET", "/api/v0/models/talker").json == talker)
        let unknown = try await Self.server().send("GET", "/api/v0/models/nobody")
        #expect(unknown.status == 404 && unknown.error == "404 model_not_found -")
        #expect(try await Self.server().send("GET", "/api/v0/models/judge").status == 404, "the API has no rerankers")
    }

    @Test func modelsAreListed() async throws {
        let models = try await Self.server().send("GET", "/api/v1/models").json["models"]?.arrayValue ?? []
        #expect(models.map { $0["key"] } == ["embedder", "talker"] && models.map { $0["type"] } == ["embedding", "llm"])
        #expect(models[0]["capabilities"] == nil && models[1]["capabilities"] == ["vision": false, "trained_for_tool_use": true])
        #expect(models[1]["loaded_instances"] == [] && models[1]["size_bytes"] == 1 && models[1]["params_string"] == .null)
    }

    @Test func aModelIsDescribed() {
        var model = LMStudioModel(id: "hf.co/maker/repository", source: "huggingface", role: .chat, sizeBytes: 77_000_000)
        (model.parameters, model.quantization, model.contextLength, model.loadedContextLength) = (134_515_008, "Q4_1", 8192, 4096)
        #expect(model.older["publisher"] == "maker" && model.older["state"] == "loaded" && model.older["loaded_context_length"] == 4096)
        #expect(model.json["quantization"] == ["name": "Q4_1", "bits_per_weight": 4.6] && model.json["params_string"] == "134.52M")
        #expect(model.json["loaded_instances"] == [["id": "hf.co/maker/repository", "config": ["context_length": 4096]]])
    }

    @Test func modelsAreLoaded() async throws {
        let server = Self.server()
        let loaded = try await server.post("/api/v1/models/load", ["model": "talker", "flash_attention": true, "echo_load_config": true, "ttl": 60])
        #expect(loaded.json["instance_id"] == "talker" && loaded.json["type"] == "llm" && loaded.json["status"] == "loaded")
        #expect(loaded.json["load_config"] == ["context_length": 64] && loaded.json["load_time_seconds"]?.doubleValue ?? -1 >= 0)
        #expect(loaded.header("x-shimmy-ignored-params") == "flash_attention")
        let embedder = try await server.post("/api/v1/models/load", ["model": "embedder", "context_length": 8])
        #expect(embedder.json["type"] == "embedding" && embedder.json["load_config"] == nil)
        #expect(embedder.header("x-shimmy-ignored-params") == "context_length")
        #expect(try await server.post("/api/v1/models/load", ["model": "judge"]).status == 404)
        #expect(try await server.post("/api/v1/models/load", [:]).error == "400 missing_required_parameter model")
        let short = try await server.post("/api/v1/models/load", ["model": "talker", "context_length": 0])
        #expect(short.error == "400 integer_below_min_value context_length")
    }

    @Test func onlyALoadedInstanceIsUnloaded() async throws {
        let server = Self.server()
        #expect(try await server.post("/api/v1/models/unload", ["instance_id": "talker"]).error == "404 model_not_found instance_id")
        #expect(try await server.post("/api/v1/models/unload", ["instance_id": "nobody"]).status == 404)
        #expect(try await server.post("/api/v1/models/unload", ["model": "talker"]).error == "400 missing_required_parameter instance_id")
    }
}
