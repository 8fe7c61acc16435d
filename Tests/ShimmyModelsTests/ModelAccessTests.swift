import ShimmyModels
import Testing

/// The models that a key may use, by names and patterns.
@Suite struct ModelAccessTests {
    private static func record(_ id: String, quantization: String? = nil) -> ModelRecord {
        var record = ModelRecord(id: id, path: "/\(id)", source: .shimmy, kind: .model, sizeBytes: 1, modified: 0, shards: [])
        record.quantization = quantization
        return record
    }

    @Test(arguments: [
        (["*"], true), (["maker/*"], true), (["MAKER/Small*"], true), (["*:Q4_K_M"], true), (["*small*q4*"], true),
        (["maker/Small:Q4_K_M"], true), (["hf.co/maker/Small"], true), (["other", "maker/small"], true), (["nick"], true), (["n*k"], true),
        (["small"], false), (["Small*"], false), (["maker/Small:Q8_0"], false), (["maker/*:Q8_0"], false), (["maker"], false), (["nic"], false),
        (["**?"], false),
    ])
    func aPatternMeansAModel(patterns: [String], isAllowed: Bool) throws {
        let access = try #require(ModelAccess(patterns: patterns))
        #expect(access.allows(Self.record("maker/Small:Q4_K_M", quantization: "Q4_K_M"), aliases: ["nick"]) == isAllowed)
    }

    @Test func noPatternsMeanAllModels() { #expect(ModelAccess(patterns: []) == nil) }

    @Test(arguments: [
        ("", "", true), ("", "*", true), ("", "a", false), ("aaa", "a*a*a", true), ("aa", "a*a*a", false), ("abcabd", "*abd", true),
        ("mississippi", "m*iss*pi", true), ("mississippi", "m*iss*p", false), ("a*b", "a*b", true), ("grüße", "gr*e", true),
    ])
    func starsStandForAnyText(text: String, pattern: String, fits: Bool) { #expect(ModelAccess.fits(text, pattern) == fits) }

    @Test func aPatternMadeToBeSlowIsFast() {
        #expect(!ModelAccess.fits(String(repeating: "a", count: 20_000), String(repeating: "a*", count: 100) + "b"))
    }
}
