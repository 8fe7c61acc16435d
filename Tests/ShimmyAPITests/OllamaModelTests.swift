import ShimmyAPI
import ShimmyChat
import ShimmyJSON
import Testing

/// Models in the form of Ollama's API, and the requests about them.
@Suite struct OllamaModelTests {
    private static func model(_ name: String = "ada") -> OllamaModel {
        var model = OllamaModel(name: name, digest: String(repeating: "a", count: 64), sizeBytes: 98, modified: 1_700_000_000)
        (model.architecture, model.parameters, model.quantization, model.contextLength) = ("llama", 134_515_008, "Q4_1", 8192)
        return model
    }

    private static func details(parameters: Int) -> JSON? {
        var model = Self.model()
        model.parameters = parameters
        return model.entry["details"]?["parameter_size"]
    }

    @Test(arguments: [
        (0, "0"), (999, "999"), (33_000, "33K"), (134_515_008, "134.52M"), (22_000_000, "22M"), (1_234_567_890, "1.2B"), (8_000_000_000, "8B"),
        (70_553_706_496, "70.6B"), (1_050_000_000, "1.1B"), (1_999_999_999, "2.0B"), (Int.max, "9223372036.9B"),
    ])
    func sizesAreWrittenAsOllamaDoes(parameters: Int, text: String) { #expect(Self.details(parameters: parameters) == .string(text)) }

    @Test(arguments: [
        ("ada", "ada:latest"), ("llama3.2:1b", "llama3.2:1b"), ("user/Repo:Q4_1", "user/Repo:Q4_1"),
        ("host:5000/user/ada", "host:5000/user/ada:latest"),
    ])
    func namesHaveTags(name: String, tagged: String) { #expect(Self.model(name).entry["name"] == .string(tagged)) }

    @Test func anEntryHasWhatClientsRequire() {
        let entry = Self.model().entry
        #expect(entry.objectValue?.keys == ["name", "model", "modified_at", "size", "digest", "details"])
        #expect(entry["modified_at"] == "2023-11-14T22:13:20.000000000Z" && entry["size"] == 98)
        let details: JSON = [
            "parent_model": "", "format": "gguf", "family": "llama", "families": ["llama"], "parameter_size": "134.52M", "quantization_level": "Q4_1",
            "context_length": 8192,
        ]
        #expect(entry["details"] == details)
    }

    @Test func aRunningModelHasItsEnd() {
        let entry = Self.model().running(memory: (total: 7, onGPU: 0), context: 512, expiry: 1_700_000_000.5)
        #expect(entry["expires_at"] == "2023-11-14T22:13:20.500000000Z")
        #expect(entry["size"] == 7 && entry["size_vram"] == 0 && entry["context_length"] == 512)
    }

    @Test func aDescriptionHasTheKeysThatClientsRead() {
        var description = OllamaModelDescription(Self.model("ada:latest"), roles: [.chat])
        description.metadata = ["general.architecture": "llama", "general.name": "Ada", "llama.context_length": 4096]
        description.contextLength = 1024
        description.fields = ["temperature": 0.2, "stop": ["</s>"], "tools": []]
        let info = description.json["model_info"]
        #expect(info?["general.basename"] == "ada" && info?["llama.context_length"] == 4096 && info?["general.name"] == nil)
        #expect(info?["general.parameter_count"] == 134_515_008)
        let lines = description.json["parameters"]?.stringValue?.split(separator: "\n").map(String.init) ?? []
        #expect(lines.map { $0.prefix(31) }.allSatisfy { $0.count == 31 && $0.hasSuffix(" ") })
        #expect(lines.map { $0.dropFirst(31) } == ["1024", "0.2", #""</s>""#])
        #expect(description.json["modelfile"]?.stringValue?.contains("PARAMETER stop \"</s>\"\n") == true)
    }

    @Test func aModelWithoutMetadataHasAtLeastItsArchitecture() {
        let info = OllamaModelDescription(Self.model(), roles: [.chat]).json["model_info"]
        #expect(info?["general.architecture"] == "llama" && info?["llama.context_length"] == 8192)
    }

    // MARK: Requests

    private static func promised(_ method: String, _ path: String) throws -> Set<String> {
        let endpoint = try #require(API.ollama.endpoints.first { $0.method == method && $0.path == path })
        let rows = endpoint.request.filter {
            switch $0.support {
            case .supported, .partial: true
            case .refused, .ignored, .notSupported: false
            }
        }
        return Set(rows.map(\.field))
    }

    @Test func theDecodersReadTheRowsThatAreSupported() throws {
        let recorders = (0..<5).map { _ in FieldRecorder() }
        let names: JSON = ["model": "", "name": "m"]
        _ = try OllamaModelRequest(show: names, recorder: recorders[0])
        _ = try OllamaModelRequest(pull: names, recorder: recorders[1])
        _ = try OllamaModelRequest(delete: names, recorder: recorders[2])
        _ = try OllamaCopyRequest(["source": "a", "destination": "b"], recorder: recorders[3])
        _ = try OllamaCreateRequest(["name": "m", "from": "a", "messages": [["role": "user", "content": "x"]]], recorder: recorders[4])
        let endpoints = [("POST", "show"), ("POST", "pull"), ("DELETE", "delete"), ("POST", "copy"), ("POST", "create")]
        for (recorder, (method, path)) in zip(recorders, endpoints) {
            #expect(try recorder.fields == Self.promised(method, "/api/\(path)"), "\(path)")
        }
    }

    @Test func fieldsWithoutEffectAreReported() throws {
        let show = try OllamaModelRequest(show: ["model": "m", "verbose": true, "system": "", "options": [:], "other": 1])
        #expect(show.ignoredParameters.names == ["verbose", "other"])
        let pull = try OllamaModelRequest(pull: ["model": "m", "insecure": false, "stream": false])
        #expect(pull.ignoredParameters.isEmpty && !pull.stream)
        #expect(try OllamaModelRequest(pull: ["model": "m"]).stream)
    }

    @Test(arguments: [("user/ada:q4", "user/ada:q4"), ("ada:latest", "ada")]) func anUploadedFileHasADigest(name: String, model: String) throws {
        let request = try OllamaCreateRequest(["model": .string(name), "files": ["a.gguf": "sha256:0"]])
        #expect(request.model == model && request.hasNoSettings && request.source == .file(digest: "sha256:0"))
    }

    @Test func aPullHasOneDigest() {
        let value = OllamaProgress.pulling("0123456789abcdef", completed: 1, total: 2)
        #expect(value == ["status": "pulling 0123456789ab", "digest": "sha256:0123456789abcdef", "total": 2, "completed": 1])
    }
}
