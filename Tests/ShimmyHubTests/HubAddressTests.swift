import ShimmyHub
import Testing

@Suite struct HubAddressTests {
    @Test(arguments: [
        "user/repo", "hf.co/user/repo", "https://huggingface.co/user/repo", "https://HuggingFace.co/user/repo",
        "http://www.huggingface.co/user/repo/",
        "hf://user/repo",
    ])
    func addressesOfTheHubAreRead(text: String) throws { #expect(try HubAddress(text).repository == "user/repo") }

    @Test(arguments: [("https://example.com/x.gguf", "example.com"), ("http://10.0.0.1:8000/user/repo", "10.0.0.1:8000")])
    func otherWebServersAreNamed(text: String, host: String) {
        #expect(throws: HubError.otherHost(text, host: host)) { try HubAddress(text) }
    }
}
