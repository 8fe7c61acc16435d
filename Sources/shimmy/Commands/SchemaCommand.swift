import ArgumentParser
import Foundation
import ShimmyChat
import ShimmyGrammar
import ShimmyJSON
import ShimmyLlama
import ShimmyModels

struct SchemaCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "schema", abstract: "Check a JSON Schema, and which documents fit it.",
        discussion: """
            Reports each keyword that cannot be enforced, with its place in the schema. Exits with 1 when the schema is not valid, when no value \
            fits it, or, with '--strict', when a keyword cannot be enforced. With '--documents' it reports for each line of a file whether an \
            answer could be that; with '--model' how long compiling and each mask of allowed tokens take.
            """)

    @OptionGroup var options: ModelOptions

    @Option(help: "A file of JSON documents, one in a line.")
    var documents: String?

    @Option(help: "Measure with the vocabulary of this model, by name or by path.")
    var model: String?

    @Flag(help: "Print the grammar that the schema becomes (GBNF).")
    var grammar = false

    @Flag(help: "Refuse what a request with 'strict: true' may not have: open objects, optional properties, keywords that cannot be enforced.")
    var strict = false

    @Argument(help: "A file with the schema. Default: standard input.")
    var file: String?

    func run() async throws {
        let schema = try json(try read(file), "The schema")
        if strict, let obstacle = StrictSchema.obstacle(in: schema) {
            Console.error("The schema does not follow OpenAI's rules for 'strict': \(obstacle)")
            throw ExitStatus.failure
        }
        let begin = ContinuousClock.now
        let made: SchemaGrammar
        do {
            made = try SchemaGrammar(schema, prefix: "s-", mode: strict ? .exact : .lenient)
        } catch {
            Console.error("The schema cannot be enforced: \(error)")
            throw ExitStatus.failure
        }
        var compiling = ContinuousClock.now - begin
        for note in made.notes { Console.log("Not enforced: \(note)") }
        let text = "root ::= \(made.root)\n\(made.rules)"
        if grammar { Console.print(text) }
        let trie = try await trie()
        let prepared = ContinuousClock.now
        let compiled: CompiledGrammar
        do {
            compiled = try CompiledGrammar(text, trie: trie)
        } catch {
            Console.error("The schema cannot be enforced: \(error)")
            throw ExitStatus.failure
        }
        compiling += ContinuousClock.now - prepared
        var masks: [Double] = []
        for line in try documents.map({ try read($0) })?.split(separator: UInt8(ascii: "\n")) ?? [] {
            let document = try json(Data(line), "A document")
            Console.print(fits(document, compiled, model == nil ? nil : trie, &masks) ? "fits" : "does not fit")
        }
        if documents == nil, model == nil, !grammar {
            Console.print(made.notes.isEmpty ? "Every keyword is enforced." : "Enforced, but for what is named above.")
        }
        guard model != nil else { return }
        masks.sort()
        func microseconds(_ share: Double) -> String {
            masks.isEmpty ? "-" : String(format: "%.1f", masks[min(masks.count - 1, Int(Double(masks.count) * share))] * 1e6)
        }
        Console.print(
            "compile_ms \(String(format: "%.2f", compiling / .milliseconds(1))) masks \(masks.count) "
                + "median_us \(microseconds(0.5)) p99_us \(microseconds(0.99)) max_us \(microseconds(1))")
    }

    /// Returns whether a document fits the grammar.
    /// - trie: the vocabulary to compute a mask for each token with; nil to check the bytes without masks.
    /// - masks: receives the seconds that each mask took.
    private func fits(_ document: JSON, _ grammar: CompiledGrammar, _ trie: TokenTrie?, _ masks: inout [Double]) -> Bool {
        var cursor = grammar.begin()
        let bytes = Array(document.canonicalText.utf8)
        guard let trie else { return cursor.advance(bytes) && cursor.mayEnd }
        var rest = bytes[...]
        while !rest.isEmpty {
            let begin = ContinuousClock.now
            let mask = cursor.mask
            masks.append((ContinuousClock.now - begin) / .seconds(1))
            guard let token = trie.longestToken(of: rest, allowedBy: mask) else { return false }
            cursor.advance(token.token)
            rest = rest.dropFirst(token.length)
        }
        return cursor.mayEnd
    }

    private func trie() async throws -> TokenTrie {
        guard model != nil else { return TokenTrie(pieces: [], ends: [], controls: [:]) }
        LlamaBackend.start(logger: options.logger(quiet: true))
        let record = try options.resolve(try options.modelName(model))
        return try LlamaModel(path: record.path, options: .init(vocabularyOnly: true)).vocabulary.makeTrie()
    }

    private func read(_ file: String?) throws -> Data {
        do {
            return try file.map { try Data(contentsOf: URL(fileURLWithPath: $0)) } ?? FileHandle.standardInput.readToEnd() ?? Data()
        } catch {
            throw ValidationError("\(file ?? "standard input") cannot be read.")
        }
    }

    private func json(_ data: Data, _ what: String) throws -> JSON {
        do {
            return try JSON.parse(Array(data))
        } catch {
            throw ValidationError("\(what) is not JSON: \(error.description).")
        }
    }
}
