import ArgumentParser
import Foundation
import ShimmyChat
import ShimmyGrammar
import ShimmyJSON
import ShimmyLlama
import ShimmyModels

struct SchemaCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "schema", abstract: "Check a JSON Schema, or documents against it.",
        discussion: """
            Reports each unenforceable keyword with its location in the schema. Exits with code 1 if the schema is invalid, if no value fits it \
            or, with '--strict', if a keyword is unenforceable. With '--documents', reports for each line of a file whether it fits the schema. \
            With '--model', measures the time for compilation and for each mask of allowed tokens.
            """)

    @OptionGroup var options: CatalogOptions

    @Option(help: "File of JSON documents, one per line.")
    var documents: String?

    @Option(help: "Model name or path, to measure with its vocabulary.")
    var model: String?

    @Flag(help: "Print the grammar of the schema (GBNF).")
    var grammar = false

    @Flag(help: "Apply OpenAI's rules for 'strict: true': refuse open objects, optional properties and unenforceable keywords.")
    var strict = false

    @Argument(help: "File with the schema. Default: standard input.")
    var file: String?

    func run() async throws {
        let schema = try json(try read(file), "The schema")
        let begin = ContinuousClock.now
        let made: SchemaGrammar
        do {
            made = try SchemaGrammar(schema, prefix: "s-", mode: strict ? .exact : .lenient)
        } catch {
            Console.error("The schema cannot be enforced: \(error)")
            throw ExitStatus.failure
        }
        var compiling = ContinuousClock.now - begin
        if strict, let obstacle = StrictSchema.obstacle(in: schema) {
            Console.error("The schema does not follow OpenAI's rules for 'strict': \(obstacle)")
            throw ExitStatus.failure
        }
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
            Console.print(made.notes.isEmpty ? "Every keyword is enforced." : "Every keyword is enforced, except those listed above.")
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
        LlamaBackend.start(logger: LogOptions.quiet)
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
            var limits = JSONLimits()
            limits.replacesLoneSurrogates = true
            return try JSON.parse(Array(data), limits: limits)
        } catch {
            throw ValidationError("\(what) is not JSON: \(error.description).")
        }
    }
}
