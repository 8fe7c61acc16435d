import ShimmyGrammar
import ShimmyJSON

/// Targets that compile the grammars, schemas and regular expressions of clients.
let grammarTargets: [Target] = [
    Target(name: "gbnf") { bytes in compile(String(decoding: bytes, as: UTF8.self)) },
    Target(name: "lark") { bytes in
        guard let grammar = try? LarkGrammar(String(decoding: bytes, as: UTF8.self), prefix: "", in: .plain) else { return }
        compile(grammar.rules)
    },
    Target(name: "regex") { bytes in
        // The first byte selects flags and context.
        guard let first = bytes.first else { return }
        let pattern = String(decoding: bytes.dropFirst(), as: UTF8.self)
        let flags = ["", "i", "s", "is"][Int(first & 3)]
        guard let text = try? RegexGrammar.expression(pattern, flags: flags, in: first & 4 == 0 ? .plain : .jsonString) else { return }
        compile("root ::= \(text)\n")
    },
    Target(name: "schema") { bytes in
        guard let schema = try? JSON.parse(bytes, limits: JSONLimits(bytes: 1 << 16, values: 1 << 12)) else { return }
        _ = StrictSchema.obstacle(in: schema)
        for mode in [SchemaGrammar.Mode.exact, .lenient] {
            guard let grammar = try? SchemaGrammar(schema, prefix: "", mode: mode) else { continue }
            compile(grammar.rules)
        }
    },
]

/// A vocabulary of all bytes and some longer tokens.
private let trie = TokenTrie(
    pieces: (UInt8.min ... .max).map { [$0] } + ["true", "{\"", "\": ", "\u{e9}", "the "].map { Array($0.utf8) } + [[]], ends: [261], controls: [:])

/// Compiles a grammar and walks through a few of its states.
private func compile(_ text: String) {
    guard let grammar = try? GrammarCompiler(trie: trie).compile(text) else { return }
    var cursor = grammar.begin()
    for byte in Array("{\"a\": [1, true], \"b\": null}".utf8) {
        (_, _, _) = (cursor.mayEnd, cursor.mask, cursor.forced)
        if !cursor.advance([byte]) { return }
    }
}
