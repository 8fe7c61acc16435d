import ShimmyServer
import Testing

/// The page for browsers: which clients get it, its headers, and how they keep its files.
@Suite struct PageRouteTests {
    private static let browser = ["accept": "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"]
    private let server = ScriptedServer(models: [:])

    /// Returns the path of a file of the page.
    private func path(_ name: String) async throws -> String {
        let html = try await server.send("GET", "/", headers: Self.browser).body
        let prefix = try #require(html.firstMatch(of: #/page/[0-9a-f]{16}//#))
        return "/\(html[prefix.range])\(name)"
    }

    @Test(arguments: [
        ("text/html", true), ("text/html,application/xhtml+xml,*/*;q=0.8", true), ("text/html;q=0.5, text/plain;q=0.4", true),
        ("text/html;q=0.4, text/plain;q=0.5", false), ("text/html;q=0", false), ("*/*", false), ("", false), ("application/json", false),
    ])
    func onlyClientsThatPreferHTMLGetThePage(accept: String, isPage: Bool) async throws {
        let answer = try await server.send("GET", "/", headers: ["accept": accept])
        #expect(answer.status == 200)
        #expect(answer.header("content-type") == (isPage ? "text/html; charset=utf-8" : "text/plain; charset=utf-8"))
        #expect(isPage ? answer.body.contains("<title>Shimmy</title>") : answer.body == "Shimmy is running")
        #expect(answer.header("vary")?.contains("Accept") == true)
    }

    @Test func headHasTheHeadersOfThePage() async throws {
        let page = try await server.send("HEAD", "/", headers: Self.browser)
        #expect(page.status == 200 && page.body.isEmpty && page.header("content-type") == "text/html; charset=utf-8")
        let text = try await server.send("HEAD", "/")
        #expect(text.status == 200 && text.header("content-type") == "text/plain; charset=utf-8")
    }

    @Test func filesStayInTheCacheAndTheDocumentIsChecked() async throws {
        let document = try await server.send("GET", "/", headers: Self.browser)
        #expect(document.header("cache-control") == "no-cache")
        let main = try await path("app/main.js")
        let file = try await server.send("GET", main)
        #expect(file.status == 200 && file.header("content-type") == "text/javascript; charset=utf-8")
        #expect(file.header("cache-control") == "public, max-age=31536000, immutable")
        for (path, answer) in [("/", document), (main, file)] {
            let tag = try #require(answer.header("etag"))
            var headers = Self.browser
            headers["if-none-match"] = "\"other\", \(tag)"
            let again = try await server.send("GET", path, headers: headers)
            #expect(again.status == 304 && again.body.isEmpty && again.header("etag") == tag)
            headers["if-none-match"] = "\"other\""
            let other = try await server.send("GET", path, headers: headers)
            #expect(other.status == 200)
        }
    }

    @Test(arguments: [("gzip, deflate, br", true), ("*", true), ("gzip;q=0, *", false), ("br", false), ("identity", false)])
    func filesAreCompressedIfTheClientAcceptsIt(encodings: String, isPacked: Bool) async throws {
        let main = try await path("app/main.js")
        let plain = try await server.send("GET", main)
        let answer = try await server.send("GET", main, headers: ["accept-encoding": encodings])
        #expect(answer.header("content-encoding") == (isPacked ? "gzip" : nil))
        #expect((answer.header("etag") != plain.header("etag")) == isPacked)
        #expect((answer.body == plain.body) == !isPacked)
        #expect(plain.header("content-length") == "\(plain.body.utf8.count)" && plain.body.contains("import"))
    }

    @Test func thePageRunsNothingInlineAndStaysOutOfFrames() async throws {
        for path in ["/", try await path("app/main.js"), try await path("style/tokens.css")] {
            let answer = try await server.send("GET", path, headers: Self.browser)
            let policy = try #require(answer.header("content-security-policy"))
            #expect(policy.hasPrefix("default-src 'none'; script-src 'self'; style-src 'self';"))
            #expect(policy.contains("frame-ancestors 'none'") && !policy.contains("unsafe"))
            #expect(answer.header("x-content-type-options") == "nosniff" && answer.header("referrer-policy") == "no-referrer")
            #expect(answer.header("cross-origin-opener-policy") == "same-origin")
        }
    }

    @Test func thePageNeedsNoKeyAndShowsNothingWithoutOne() async throws {
        var server = server
        server.configuration = ServerConfiguration(access: .init(apiKeys: [APIKey("secret")]))
        let page = try await server.send("GET", "/", headers: Self.browser)
        #expect(page.status == 200 && page.header("content-type") == "text/html; charset=utf-8")
        let file = try await server.send("GET", try await path("app/api.js"))
        #expect(file.status == 200)
        for path in ["/admin/requests", "/admin/requests/x", "/admin/events", "/page", "/pages/x"] {
            let answer = try await server.send("GET", path)
            #expect(answer.status == 401, "\(path)")
        }
    }

    @Test(arguments: ["app/missing.js", "", "../v1/engine", "%2e%2e/engine", "index.html"])
    func anUnknownFileIsAnError(name: String) async throws {
        for path in [try await path(name), "/page/0000000000000000/" + name] {
            let answer = try await server.send("GET", path)
            #expect(answer.status == 404, "\(path)")
        }
    }

    @Test func aSettingTurnsThePageOff() async throws {
        let main = try await path("app/main.js")
        var server = server
        server.configuration.hasPage = false
        let root = try await server.send("GET", "/", headers: Self.browser)
        #expect(root.status == 200 && root.body == "Shimmy is running")
        let file = try await server.send("GET", main)
        #expect(file.status == 404)
        let docs = try await server.send("GET", "/docs")
        #expect(docs.status == 200)
    }
}
