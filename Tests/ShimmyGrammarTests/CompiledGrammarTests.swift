import ShimmyCore
import ShimmyGrammar
import Testing

/// What grammars take, and which tokens they allow, over vocabularies that the tests make.
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

    /// A grammar whose every state is asked about every token, beside the answer of reading the token byte by byte.
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
                var allowed: [Token] = []
                for token in pieces.indices.dropLast() {
                    var copy = cursor
                    let isAllowed = copy.advance(Token(token))
                    #expect(mask.contains(Token(token)) == isAllowed)
                    if isAllowed { allowed.append(Token(token)) }
                }
                #expect(mask.contains(end) == cursor.mayEnd)
                guard let token = allowed.randomElement() else { break }
                cursor.advance(token)
            }
        }
    }

    @Test func countsBeyondTheHorizonAllowTheSameTokens() throws {
        // The longest token has 4 bytes; the mask near the bound must still count.
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

    @Test(arguments: [
        "root ::= ((\"a\"{0,100}){0,100}){0,100}", "root ::= \"a\" root \"a\" | \"a\" root | \"a\"", "root ::= (([a-z]*)*)* \"b\"",
        "root ::= ([a-z]{0,1000} [a-z]{0,1000}){0,1000} \"b\"",
    ]) func ambiguousGrammarsStayBounded(text: String) throws {
        var cursor = try CompiledGrammar(text, trie: Self.bytes).begin()
        for _ in 0..<60 {
            _ = cursor.mask
            cursor.advance(Array("a".utf8))
        }
    }

    @Test func aLongTextMovesToNewTables() throws {
        // Every byte is a state of its own; the tables are exchanged several times.
        let grammar = try CompiledGrammar("root ::= \"a\"{0,1000000}", trie: Self.bytes)
        var cursor = grammar.begin()
        for _ in 0..<300_000 { cursor.advance(Array("aa".utf8)) }
        #expect(!cursor.isDead && cursor.mayEnd && cursor.mask.contains(Token(UInt8(ascii: "a"))))
    }
}
