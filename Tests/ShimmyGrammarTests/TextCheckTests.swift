import ShimmyCore
import ShimmyGrammar
import Testing

/// Checks of texts against grammars.
@Suite struct TextCheckTests {
    private static let grammar = GrammarDefinition("root ::= [a-zé]{2,400} \"!\"")

    private static func fits(_ text: String, isCut: Bool = false) -> Bool { TextCheck.accepts(Array(text.utf8), by: grammar, isCut: isCut) }

    @Test func aTextFitsOrNot() {
        #expect(Self.fits("ab!") && Self.fits("éé!"))
        #expect(!Self.fits("") && !Self.fits("a!") && !Self.fits("ab") && !Self.fits("ab!!") && !Self.fits("aB!"))
        let long = String(repeating: "a", count: 400)
        #expect(Self.fits(long + "!") && !Self.fits(long + "a!"))
    }

    @Test func aCutTextFitsIfItCanGoOn() {
        #expect(Self.fits("", isCut: true) && Self.fits("ab", isCut: true) && Self.fits("ab!", isCut: true))
        #expect(!Self.fits("aB", isCut: true))
    }

    @Test func whatCannotBeCheckedFits() {
        #expect(TextCheck.accepts([65], by: GrammarDefinition("root ::= missing")))
        let over = GrammarBudget(work: WorkBudget(seconds: 0))
        #expect(TextCheck.accepts(Array("no".utf8), by: Self.grammar, budget: over))
    }
}
