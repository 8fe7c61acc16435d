import ShimmyConfiguration
import ShimmyJSON
import Testing

@Suite struct TOMLMergeTests {
    private let additions: JSONObject = ["model": "m", "size": 7, "providers": ["one": ["url": "http://a", "quiet": true]]]

    private func merge(_ text: String) throws -> (text: String, replaced: [String]) { try TOMLMerge.merge(additions, into: text) }

    @Test func anEmptyTextGetsAllKeys() throws {
        #expect(try merge("").text == "model = \"m\"\nsize = 7\n\n[providers.one]\nurl = \"http://a\"\nquiet = true\n")
        #expect(try merge("# Mine.\n").text == "# Mine.\nmodel = \"m\"\nsize = 7\n\n[providers.one]\nurl = \"http://a\"\nquiet = true\n")
    }

    @Test func aTextThatHasAllKeysStaysTheSame() throws {
        let text = "size=7 # seven\n[providers]\none = { quiet = true, url = 'http://a' }\n"
        let whole = "model = 'm'\n" + text
        #expect(try merge(whole).text == whole)
        #expect(try merge(whole).replaced.isEmpty)
    }

    @Test func keysGoBeforeTheFirstTableAndBelowTheirOwn() throws {
        let old = "# First.\nsize = 7\n\n# Table.\n[providers.one] # here\nname = \"x\"\n\n[[list]]\na = 1"
        let new = """
            # First.
            size = 7

            model = "m"

            # Table.
            [providers.one] # here
            url = "http://a"
            quiet = true
            name = "x"

            [[list]]
            a = 1
            """
        #expect(try merge(old).text == new)
    }

    @Test func otherValuesAreReplaced() throws {
        let merged = try merge("model = \"other\"\n\"size\"   =   1\n[providers.one]\nurl = 'x'\nquiet = true\n")
        #expect(merged.text == "model = \"m\"\n\"size\"   = 7\n[providers.one]\nurl = \"http://a\"\nquiet = true\n")
        #expect(merged.replaced == ["model", "size", "providers.one.url"])
    }

    @Test func lineEndsStayTheSame() throws {
        let merged = try merge("model = \"other\"\r\n[a]\r\nb = 1\r\n").text
        let lines = ["model = \"m\"", "size = 7", "", "[a]", "b = 1", "", "[providers.one]", "url = \"http://a\"", "quiet = true", ""]
        #expect(merged == lines.joined(separator: "\r\n"))
    }

    @Test(arguments: [
        "model = ", "model = \"other\" # mine", "model = \"\"\"\nother\n\"\"\"", "providers = 1", "providers = { two = {} }",
        "[providers]\none = { url = \"x\" }", "[[providers]]\na = 1", "model.name = 1", "[providers.one.more]\na = 1",
    ])
    func aTextThatCannotBeExtendedExactlyIsRefused(text: String) {
        #expect(throws: TOMLMerge.Refusal.self) { try merge(text) }
    }

    @Test func namesAreQuotedWhereTheyMustBe() throws {
        let merged = try TOMLMerge.merge(["a b": ["c.d": "\"\\\n"]], into: "").text
        #expect(merged == "[\"a b\"]\n\"c.d\" = \"\\\"\\\\\\n\"\n")
    }
}
