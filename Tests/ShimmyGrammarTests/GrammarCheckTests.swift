import ShimmyGrammar
import ShimmyTestSupport
import Testing

/// `GrammarCheck`'s verdict on a grammar without compilation: it accepts no grammar whose program cannot be built.
@Suite struct GrammarCheckTests {
    private static let trie = TokenTrie(pieces: [], ends: [], controls: [:])

    private func isAProgram(_ text: String) -> Bool {
        do {
            _ = try CompiledGrammar(text, trie: Self.trie)
            return true
        } catch {
            // The program exists, but its texts have too many readings.
            return error == .tooAmbiguous
        }
    }

    @Test(
        arguments: [
            "root ::= root",
            #"root ::= root "a""#,
            #"root ::= root | "a""#,
            #"root ::= "a" root"#,
            #"root ::= ([^\U00000000-\U0010FFFF] root) | [^\U00000000-\U0010FFFF]"#,
        ]) func aGrammarWithoutTextsOrWithLeftRecursionIsFound(text: String) throws
    {
        #expect(try !GrammarCheck.isSurelySound(text) && !isAProgram(text))
    }

    @Test(
        arguments: [
            #"root ::= "a""#,
            #"root ::= "x" | a"# + "\n" + "a ::= a",
            #"root ::= [^\U00000000-\U0010FFFF] | "x""#,
            #"root ::= ([^\U00000000-\U0010FFFF] root) | "x""#,
            #"root ::= ("a" root)* "b""#,
        ]) func whatLeadsNowhereDoesNotCount(text: String) throws
    {
        #expect(try GrammarCheck.isSurelySound(text) && isAProgram(text))
    }

    @Test(arguments: 0..<20) func aSoundGrammarIsAProgram(seed: UInt64) throws {
        var source = SeededGenerator(seed: seed)
        var (sound, programs) = (0, 0)
        for _ in 0..<200 {
            let text = ["root", "a", "b", "c"].map { "\($0) ::= \(Self.expression(depth: 3, &source))" }.joined(separator: "\n")
            let (isSound, isAProgram) = (try GrammarCheck.isSurelySound(text), isAProgram(text))
            #expect(isAProgram || !isSound, "\(text)")
            sound += isSound ? 1 : 0
            programs += isAProgram ? 1 : 0
        }
        #expect(sound > 60 && Double(sound) > 0.9 * Double(programs), "\(sound) of \(programs) programs are known without building them")
    }

    private static func expression(depth: Int, _ source: inout SeededGenerator) -> String {
        let choice = Int.random(in: 0..<(depth > 0 ? 10 : 5), using: &source)
        func inner(_ source: inout SeededGenerator) -> String { "(\(expression(depth: depth - 1, &source)))" }
        switch choice {
        case 0: return "\"x\""
        case 1: return "[a-z]"
        case 2: return "\"\""
        case 3: return ["a", "b"].randomElement(using: &source)!
        case 4: return ["root", "c"].randomElement(using: &source)!
        case 5, 6: return "\(inner(&source)) \(inner(&source))"
        case 7: return "\(inner(&source)) | \(inner(&source))"
        case 8: return inner(&source) + ["?", "*", "+"].randomElement(using: &source)!
        default: return inner(&source) + ["{0}", "{2}", "{0,3}", "{9,20}"].randomElement(using: &source)!
        }
    }
}
