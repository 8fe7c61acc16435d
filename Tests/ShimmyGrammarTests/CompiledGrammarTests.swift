import ShimmyCore
import ShimmyGrammar
import ShimmyTestSupport
import Testing

/// The texts that grammars accept and the tokens that they allow, with the tests' own vocabularies.
@Suite struct CompiledGrammarTests {
    private static let bytes = TokenTrie(pieces: (0...255).map { [UInt8($0)] } + [[]], ends: [256], controls: [:])

    static func takes(_ grammar: String, _ text: String) throws -> Bool {
        var cursor = try CompiledGrammar(grammar, trie: bytes).begin()
        return cursor.advance(text.utf8) && cursor.mayEnd
    }

    @Test(arguments: [
        ("root ::= \"a\"", ["a"], ["", "b", "aa"]),
        ("root ::= \"a\"*", ["", "a", "aaaa"], ["b", "ab"]),
        ("root ::= \"a\"+ \"b\"?", ["a", "aab"], ["", "b", "abb"]),
        ("root ::= [a-c] [^a-c]", ["ad", "c\n", "aé", "b日"], ["ab", "a", "dd"]),
        ("root ::= x x\nx ::= \"a\" | \"b\"\n  | \"c\"", ["ab", "cc"], ["a", "ad"]),
        ("root ::= \"(\" root? \")\"", ["()", "((()))"], ["", "(()", "())"]),
        ("root ::= \"a\"{3}", ["aaa"], ["aa", "aaaa"]),
        ("root ::= (\"ab\" | \"c\"){2,40}", ["abc", "cc", "ababab"], ["c", "ab", "aba"]),
        ("root ::= \"x\"{20,}", [String(repeating: "x", count: 20), String(repeating: "x", count: 90)], [String(repeating: "x", count: 19)]),
        ("root ::= (\"a\"?){0,30} \"b\"", ["b", "aab"], ["", "a"]),
        ("root ::= ((\"a\"*)*)* \"b\"", ["b", "aaaab"], ["a"]),
        ("root ::= (x | \"\"){5,9}\nx ::= \"a\" | \"\"", ["", "aaaaaaaaa"], ["aaaaaaaaaa"]),
        ("root ::= \"a\" root \"b\" | \"\"", ["", "ab", "aaabbb"], ["aab", "abb"]),
        ("root ::= . .", ["é日", "😀a"], ["a", "abc"]),
        ("root ::= \"\\x41\\u00e9\\n\\\"\"", ["Aé\n\""], ["A"]),
        ("root ::= list\nlist ::= \"1\" (\",\" list)?", ["1", "1,1,1"], ["1,", ","]),
        ("root ::= \"a\" | \"ab\" | \"abc\" | \"b\"", ["a", "ab", "abc", "b"], ["", "c", "abcd"]),
    ]) func whatIsTaken(grammar: String, taken: [String], refused: [String]) throws {
        for text in taken { #expect(try Self.takes(grammar, text), "\(grammar) takes \(text)") }
        for text in refused { #expect(try !Self.takes(grammar, text), "\(grammar) does not take \(text)") }
    }

    @Test(arguments: [
        "", "root", "root ::= \"a", "root ::= [a", "root ::= (\"a\"", "root ::= \"a\")", "other ::= \"a\"", "root ::= missing", "root ::= \"a\"{3,2}",
        "root ::= root \"a\" | \"a\"", "root ::= x\nx ::= y? x \"b\" | \"c\"\ny ::= \"d\"", "root ::= \"a\" root", "root ::= []", "root ::= \"\\q\"",
        "root ::= <nothing>", "root ::= !<x>", "root ::= \"a\"{99999999}",
    ]) func whatIsNoGrammar(text: String) {
        #expect(throws: GrammarTextError.self) { try CompiledGrammar(text, trie: Self.bytes) }
    }

    /// In each state of a grammar, the mask equals the result of reading each token byte by byte.
    @Test(arguments: [
        "root ::= \"{\" pair (\", \" pair)* \"}\"\npair ::= \"\\\"\" [a-z]{1,12} \"\\\": \" [0-9]{1,5}",
        "root ::= \"\\\"\" ([^\"\\\\] | \"\\\\\" [\"n])* \"\\\"\"",
        "root ::= \"\\\"\" ([^\"\\\\] | \"\\\\\" [\"n]){3,30} \"\\\"\"",
        "root ::= (\"ab\" | \"a\" | \"b\" root \"}\")*",
        "root ::= [^\\x00-\\x7f]* \"a\"",
    ]) func masksAreWhatTokensDo(text: String) throws {
        var generator = SystemRandomNumberGenerator()
        let alphabet = Array("ab0\"\\{}:, né日".utf8)
        var pieces: [[UInt8]] = (0...255).map { [UInt8($0)] }
        for _ in 0..<400 { pieces.append((0..<Int.random(in: 1...6)).map { _ in alphabet.randomElement(using: &generator)! }) }
        pieces.append([])
        let end = Token(pieces.count - 1)
        let grammar = try CompiledGrammar(text, trie: TokenTrie(pieces: pieces, ends: [end], controls: [:]))
        for _ in 0..<20 {
            var cursor = grammar.begin()
            for _ in 0..<60 {
                let mask = cursor.mask
                var (allowed, wrong) = ([Token](), [Token]())
                for token in pieces.indices.dropLast() {
                    var copy = cursor
                    let isAllowed = copy.advance(Token(token))
                    if mask.contains(Token(token)) != isAllowed { wrong.append(Token(token)) }
                    if isAllowed { allowed.append(Token(token)) }
                }
                // One expectation for each mask: millions of them take longer than the masks.
                #expect(wrong.isEmpty, "\(wrong.map { pieces[Int($0)] })")
                #expect(mask.contains(end) == cursor.mayEnd)
                guard let token = allowed.randomElement() else { break }
                cursor.advance(token)
            }
        }
    }

    @Test func countsBeyondTheHorizonAllowTheSameTokens() throws {
        // The longest token has 4 bytes. Masks close to the bound must count repetitions exactly.
        let trie = TokenTrie(pieces: [Array("a".utf8), Array("aaaa".utf8), Array("b".utf8), []], ends: [3], controls: [:])
        var cursor = try CompiledGrammar("root ::= \"a\"{10,100} \"b\"", trie: trie).begin()
        for count in 0..<100 {
            #expect(cursor.mask.contains(0) && cursor.mask.contains(1) == (count <= 96) && cursor.mask.contains(2) == (count >= 10))
            cursor.advance(0)
        }
        #expect(!cursor.mask.contains(0) && cursor.mask.contains(2))
    }

    @Test func forcedText() throws {
        var cursor = try CompiledGrammar("root ::= \"{\\\"name\\\": \" (\"1\" | \"2\") \"}\"", trie: Self.bytes).begin()
        #expect(String(decoding: cursor.forced.bytes, as: UTF8.self) == "{\"name\": " && !cursor.forced.ends)
        cursor.advance(cursor.forced.bytes + Array("2".utf8))
        #expect(cursor.forced == ForcedText(bytes: Array("}".utf8), ends: true))
        let choice = try CompiledGrammar("root ::= \"a\" \"b\"?", trie: Self.bytes).begin()
        #expect(choice.forced == ForcedText(bytes: Array("a".utf8), ends: false))
    }

    @Test func controlTokensAreSaidOnlyWhereTheyAreNamed() throws {
        let trie = TokenTrie(
            pieces: (0...255).map { [UInt8($0)] } + [[], [], []], ends: [256], controls: ["<call>": 257, "<other>": 258])
        var cursor = try CompiledGrammar("root ::= \"a<call>\" .* \"!\"", trie: trie).begin()
        cursor.advance(Array("a".utf8))
        #expect(cursor.mask.contains(257) && cursor.mask.contains(Token(UInt8(ascii: "<"))) && !cursor.mask.contains(258))
        cursor.advance(257)
        #expect(!cursor.isDead && !cursor.mask.contains(257) && !cursor.mask.contains(258))
        cursor.advance(Array("x!".utf8))
        #expect(cursor.mayEnd)
        let named = try CompiledGrammar("root ::= <call>", trie: trie).begin()
        #expect(named.mask.contains(257) && named.mask.count == 1)
    }

    @Test func aLiteralMayNameManyControlTokens() throws {
        let trie = TokenTrie(
            pieces: (0...255).map { [UInt8($0)] } + [[], [], []], ends: [256], controls: ["<call>": 257, "<call><call>": 258])
        let literal = "x" + String(repeating: "<call>", count: 20_001)
        let grammar = try CompiledGrammar("root ::= \"\(literal)\"", trie: trie)
        var cursor = grammar.begin()
        cursor.advance(Array("x".utf8))
        // The longest token at an index, or its spelling.
        #expect(cursor.mask.contains(258) && !cursor.mask.contains(257) && cursor.mask.contains(Token(UInt8(ascii: "<"))))
        for _ in 0..<10_000 { cursor.advance(258) }
        #expect(cursor.mask.contains(257) && !cursor.mask.contains(258) && !cursor.mayEnd)
        cursor.advance(257)
        #expect(cursor.mayEnd)
    }

    /// Each rule that a rule refers to tests it again, so that its length counts twice.
    @Test func aLongRuleStaysWithinItsTime() throws {
        let names = (0..<30_000).map { "r\($0)" }
        let text = "root ::= \(names.joined(separator: " "))\n" + names.map { "\($0) ::= \"a\"" }.joined(separator: "\n")
        let limits = InputLimits.standard
        let begin = WorkClock.system.thread()
        _ = try? CompiledGrammar(text, trie: Self.bytes, budget: GrammarBudget(limits: limits))
        #expect(WorkClock.system.thread() - begin < .seconds(limits.compileSeconds + 3))
    }

    @Test(arguments: [
        ("root ::= \"a\" root \"a\" | \"a\" root | \"a\"", true), ("root ::= (([a-z]*)*)* \"b\"", false),
    ]) func ambiguousGrammarsStayBounded(text: String, mayEnd: Bool) throws {
        let grammar = try CompiledGrammar(text, trie: Self.bytes)
        var cursor = grammar.begin()
        for _ in 0..<60 {
            #expect(cursor.mask.contains(Token(UInt8(ascii: "a"))))
            cursor.advance(Array("a".utf8))
        }
        #expect(!cursor.isDead && cursor.mayEnd == mayEnd)
        cursor.advance(Array("b".utf8))
        #expect(cursor.isDead == mayEnd && cursor.mayEnd == !mayEnd)
        #expect(grammar.bytes < 32 << 20)
    }

    /// A text with more parses than a state may contain is refused, so that memory and time stay bounded.
    @Test(arguments: ["root ::= ((\"a\"{0,100}){0,100}){0,100}", "root ::= ([a-z]{0,1000} [a-z]{0,1000}){0,1000} \"b\""])
    func textsWithTooManyReadingsEnd(text: String) throws {
        let grammar = try CompiledGrammar(text, trie: Self.bytes)
        var cursor = grammar.begin()
        cursor.advance(Array("aaaa".utf8))
        #expect(!cursor.isDead && cursor.mask.contains(Token(UInt8(ascii: "a"))))
        for _ in 0..<60 { cursor.advance(Array("a".utf8)) }
        #expect(cursor.isDead && grammar.bytes < 32 << 20)
    }

    @Test func lengthsAreCountedBesideAnAutomaton() throws {
        // Words of letters with an "@" inside. The mask allows only tokens after which the word can still be completed.
        let text = "root ::= @string{3,5;[a-z]>1;[a-z]>1[@]>2;[a-z]>3;[a-z]>3=}"
        for taken in ["a@b", "ab@c", "abc@d", "a@bcd"] { #expect(try Self.takes(text, taken), "\(taken)") }
        for refused in ["", "a@", "abc", "abcd@e", "a@bcde", "a@b@c"] { #expect(try !Self.takes(text, refused), "\(refused)") }
        var cursor = try CompiledGrammar(text, trie: Self.bytes).begin()
        cursor.advance(Array("abc".utf8))
        #expect(cursor.mask.count == 1 && cursor.mask.contains(Token(UInt8(ascii: "@"))))
    }

    @Test func countedCharactersMayBeEscapesAndManyBytes() throws {
        let text = "root ::= \"\\\"\" @string{0,2;*>0=} \"\\\"\""
        for taken in ["\"\"", "\"é\"", "\"日本\"", "\"\\n\\\"\"", "\"😀a\""] { #expect(try Self.takes(text, taken), "\(taken)") }
        for refused in ["\"日本語\"", "\"\\na\\n\"", "\"a\nb\""] { #expect(try !Self.takes(text, refused), "\(refused)") }
    }

    @Test(arguments: [
        "root ::= @text{}", "root ::= @text{0,;[a]>1}", "root ::= @text{0,;[a]>0[a-b]>0=}", "root ::= @text{5,3;*>0=}", "root ::= @other{0,;=}",
        "root ::= @text{0,;*>0", "root ::= @text{0,;=missing}", "root ::= @text{1,2;*>0=x}\nx ::= \"a\"", "root ::= @text{3,4;[a]>1;=}",
        "root ::= @text{0,99999999;*>0=}", "root ::= @text{0,;*>99999999999999999999=}",
    ]) func badAutomataAreErrors(text: String) {
        #expect(throws: GrammarTextError.self) { try CompiledGrammar(text, trie: Self.bytes) }
    }

    // MARK: Depth and size

    @Test(arguments: [
        "root ::= \"a\"" + String(repeating: "*", count: 65_000), "root ::= \"a\"" + String(repeating: "{1,2}", count: 10_000),
        "root ::= " + String(repeating: "(", count: 60_000) + "\"a\"", "root ::= @text{0,;" + String(repeating: "[", count: 60_000),
    ]) func deepTextsAreErrors(text: String) {
        #expect(throws: GrammarTextError.self) { try CompiledGrammar(text, trie: Self.bytes) }
    }

    @Test func longChainsOfRulesAreNoDepth() throws {
        func chain(of suffix: String) -> String {
            "root ::= r0\n" + (0..<5000).map { "r\($0) ::= r\($0 + 1)\(suffix)\n" }.joined() + "r5000 ::= \"a\"?"
        }
        #expect(try Self.takes(chain(of: "?"), "a"))
        // Each of the nested repetitions can begin again after a character.
        let error = #expect(throws: GrammarTextError.self) { try CompiledGrammar(chain(of: "*"), trie: Self.bytes) }
        #expect(error?.description.contains("grammarReadings") == true)
        // A repeated sequence of optional parts.
        let parts = (0..<5000).map { _ in "\"a\"?" }.joined(separator: " ")
        #expect(throws: Never.self) { try? CompiledGrammar("root ::= (\(parts))*", trie: Self.bytes) }
    }

    @Test func aNestedTextIsNoDepth() throws {
        let grammar = try CompiledGrammar("root ::= \"a\" root? \"b\"", trie: Self.bytes)
        var cursor = grammar.begin()
        for _ in 0..<200_000 { cursor.advance(Array("a".utf8)) }
        #expect(!cursor.isDead && !cursor.mayEnd)
        for _ in 0..<200_000 { cursor.advance(Array("b".utf8)) }
        #expect(cursor.mayEnd)
    }

    @Test func limitsNameThemselves() {
        func reason(_ text: String, _ change: (inout InputLimits) -> Void) -> String {
            var limits = InputLimits.standard
            change(&limits)
            do {
                _ = try CompiledGrammar(text, trie: Self.bytes, budget: GrammarBudget(limits: limits))
                return ""
            } catch {
                return error.description
            }
        }
        #expect(reason("root ::= \"abcdefghijklmnopqrstuvwxyz\"") { $0.grammarBytes = 20 }.contains("grammarBytes"))
        #expect(reason("root ::= \"abcdefghijklmnopqrstuvwxyz\"") { $0.grammarStates = 20 }.contains("grammarStates"))
        #expect(reason("root ::= \"abcdefghijklmnopqrstuvwxyz\"") { $0.grammarMemory = 1000 }.contains("grammarMemory"))
        let long = "root ::= " + (0..<5000).map { _ in "\"a\"?" }.joined(separator: " ")
        #expect(reason(long) { $0.compileSeconds = 0 }.contains("compileSeconds"))
    }

    @Test func cancelledWorkEndsACompilation() {
        let work = WorkBudget()
        work.cancel()
        let long = "root ::= " + (0..<5000).map { _ in "\"a\"?" }.joined(separator: " ")
        #expect(throws: GrammarTextError.self) { try CompiledGrammar(long, trie: Self.bytes, budget: GrammarBudget(work: work)) }
    }

    // MARK: In slices

    /// A mask that is computed in slices equals one that is computed at once.
    @Test func aMaskIsTheSameInSlices() throws {
        let text = "root ::= (\"ab\" | [a-f]{2,9} | item)* \nitem ::= [^x]{0,40} \"!\" item? | \"<\" root \">\""
        let words = (0..<4000).map { number in Array("a<b>cdef!x".utf8.shuffledBy(number).prefix(1 + number % 7)) }
        let trie = TokenTrie(pieces: (0..<256).map { [UInt8($0)] } + words + [[]], ends: [4256], controls: [:])
        let (whole, sliced) = (try CompiledGrammar(text, trie: trie), try CompiledGrammar(text, trie: trie))
        var slices = 0
        for beginning in ["", "a", "ab<", "ab<cc", "def!a"] {
            var (one, other) = (whole.begin(), sliced.begin())
            #expect(one.advance(beginning.utf8) && other.advance(beginning.utf8))
            var mask = other.mask(until: .now)
            while mask == nil {
                slices += 1
                mask = other.mask(until: .now)
            }
            #expect(mask?.words == one.mask.words)
        }
        #expect(slices > 10)
    }

    /// Several cursors in different states continue each other's work, even if there are more of them than the cache keeps.
    @Test func masksOfManyPlacesAreWorkedOutAtOnce() throws {
        let grammar = try CompiledGrammar("root ::= ([a-z]{1,30} \"-\")* [0-9]{0,20}", trie: Self.bytes)
        var cursors = (0..<12).map { count in
            var cursor = grammar.begin()
            cursor.advance(Array(repeating: UInt8(ascii: "q"), count: count))
            return cursor
        }
        var rounds = 0
        while !cursors.isEmpty, rounds < 10_000 {
            cursors.removeAll { $0.mask(until: .now) != nil }
            rounds += 1
        }
        #expect(cursors.isEmpty && rounds > 1)
    }

    // MARK: Memory

    @Test func masksOutliveTheirTables() throws {
        let grammar = try CompiledGrammar("root ::= \"a\"{0,1000000}", trie: Self.bytes)
        let first = grammar.begin().mask
        var cursor = grammar.begin()
        for _ in 0..<300_000 { cursor.advance(Array("aa".utf8)) }
        #expect(grammar.begin().mask === first, "a mask is computed once")
    }

    @Test func preparedMasksAreThere() throws {
        let grammar = try CompiledGrammar("root ::= \"a\" (\"b\" | \"c\" [0-9]+)", trie: Self.bytes)
        let before = grammar.bytes
        grammar.begin().prepare(seconds: 10)
        let prepared = grammar.bytes
        #expect(prepared > before)
        var cursor = grammar.begin()
        for byte in "ac12".utf8 {
            _ = cursor.mask
            cursor.advance([byte])
        }
        #expect(grammar.bytes == prepared, "nothing is computed any more")
    }

    @Test func theCompilerKeepsWhatFitsItsBound() throws {
        let one = try CompiledGrammar("root ::= [a-z]{0,40} \"0\"", trie: Self.bytes).bytes
        let compiler = GrammarCompiler(trie: Self.bytes, maximumBytes: one * 4)
        let first = try compiler.compile("root ::= [a-z]{0,40} \"0\"")
        #expect(try compiler.compile("root ::= [a-z]{0,40} \"0\"") === first)
        for index in 1..<20 {
            _ = try compiler.compile("root ::= [a-z]{0,40} \"\(index)\"")
            #expect(compiler.bytes <= one * 5)
        }
        #expect(try compiler.compile("root ::= [a-z]{0,40} \"0\"") !== first, "the oldest one was dropped")
        // A grammar that grows in use evicts others too.
        let last = try compiler.compile("root ::= [a-z]{0,40} \"19\"")
        last.begin().prepare(seconds: 10, masks: 10_000)
        _ = try compiler.compile("root ::= [a-z]{0,40} \"19\"")
        #expect(compiler.bytes <= max(one * 5, last.bytes + 100))
    }

    @Test(arguments: ["@text{0,2;[x]>1*>2=;*>2;*>2=}", "@string{1,2;[x]>1*>2=;*>2;*>2=}", "@string{2,2;*>0=}"])
    func aCharacterBeginsOnlyWhereItMayEnd(automaton: String) throws {
        let grammar = try CompiledGrammar("root ::= \(automaton)", trie: Self.bytes)
        // Random walks over the allowed bytes never reach a dead end, and each can be completed.
        for seed in 0..<300 {
            var (source, cursor) = (SeededGenerator(seed: UInt64(seed)), grammar.begin())
            for _ in 0..<40 {
                let mask = cursor.mask
                let next = (0..<257).filter { mask.contains(Token($0)) }
                #expect(!next.isEmpty, "seed \(seed)")
                // Prefer bytes of multi-byte characters and backslashes.
                let odd = next.filter { $0 == 0x5C || (0xC0..<0x100).contains($0) }
                guard let token = (odd.isEmpty || Bool.random(using: &source) ? next : odd).randomElement(using: &source), token != 256 else { break }
                cursor.advance([UInt8(token)])
            }
            #expect(cursor.mayEnd)
        }
    }

    @Test func aLongTextMovesToNewTables() throws {
        // Each byte leads to a state of its own, so that the tables are replaced several times.
        let grammar = try CompiledGrammar("root ::= \"a\"{0,1000000}", trie: Self.bytes)
        var cursor = grammar.begin()
        for _ in 0..<300_000 { cursor.advance(Array("aa".utf8)) }
        #expect(!cursor.isDead && cursor.mayEnd && cursor.mask.contains(Token(UInt8(ascii: "a"))))
    }
}

extension Sequence<UInt8> {
    /// Returns the bytes in an order that depends only on `number`.
    fileprivate func shuffledBy(_ number: Int) -> [UInt8] {
        var random = SeededGenerator(seed: UInt64(number))
        return shuffled(using: &random)
    }
}
