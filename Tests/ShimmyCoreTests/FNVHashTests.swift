import ShimmyCore
import Testing

@Suite struct FNVHashTests {
    /// The values are those of the hash's authors.
    @Test(arguments: [("", 0xcbf2_9ce4_8422_2325), ("a", 0xaf63_dc4c_8601_ec8c), ("foobar", 0x8594_4171_f739_67e8)] as [(String, UInt64)])
    func hashesAreThoseOfTheAlgorithm(text: String, hash: UInt64) { #expect(FNVHash.of(text) == hash) }

    @Test func aHashCanBeContinued() { #expect(FNVHash.of("bar", after: FNVHash.of("foo")) == FNVHash.of("foobar")) }

    @Test func theBoundariesOfTextsCount() {
        #expect(FNVHash.of(["ab", "c"]) != FNVHash.of(["a", "bc"]))
        #expect(FNVHash.of(["foobar"]) == FNVHash.of("foobar"))
    }
}
