import ShimmyJSON
import ShimmyServer
import ShimmyTestSupport
import Testing

/// Pins over the API. A scripted server makes its models anew for each request, so that only the black-box tests see a pin stay.
@Suite struct PinRouteTests {
    @Test func aModelIsPinned() async throws {
        let server = ScriptedServer(ScriptedGenerator(says: ["x"]))
        let pinned = try await server.post("/v1/models/pin", ["model": "talker"])
        #expect(pinned.status == 200 && pinned.json == ["model": "talker", "pinned": true])
        let unpinned = try await server.post("/v1/models/unpin", ["model": "talker"])
        #expect(unpinned.status == 200 && unpinned.json == ["model": "talker", "pinned": false])
    }

    @Test(arguments: ["/v1/models/pin", "/v1/models/unpin"]) func aMistakeIsNamed(path: String) async throws {
        let server = ScriptedServer(ScriptedGenerator(says: ["x"]))
        #expect(try await server.post(path, [:]).error == "400 missing_required_parameter model")
        #expect(try await server.post(path, ["model": "nothing"]).error == "404 model_not_found -")
        #expect(try await server.post(path, ["model": 5]).error == "400 invalid_type model")
    }
}
