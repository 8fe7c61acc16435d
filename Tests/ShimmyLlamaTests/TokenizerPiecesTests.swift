import Foundation
import ShimmyChat
import ShimmyCore
import ShimmyLlama
import ShimmyTestSupport
import Synchronization
import Testing

/// Texts are tokenized in pieces, with the tokens of one call of llama.cpp for the whole text, and the work stops between two pieces.
@Suite struct TokenizerPiecesTests {
    private static let words = [
        "hello", " world", "\n", "\n\n", "  ", " ", "\t", "\r\n", "don't", "日本", " 1234567", "<", "<|", "|>", ">", "é", "e\u{301}", "x y\n\nz",
        "</s", "▁", "\u{3000}", "👩‍👩‍👧", "[", "\u{0}", "!?", "ß", " a",
    ]

    /// Returns a text of special tokens, their halves, and words.
    private static func text(_ names: [String], parts: Int, _ random: inout SeededGenerator) -> String {
        var text = ""
        for _ in 0..<parts {
            let name = names.randomElement(using: &random) ?? ""
            switch Int.random(in: 0..<6, using: &random) {
            case 0, 1: text += name
            case 2: text += name.prefix(Int.random(in: 0...name.count, using: &random))
            case 3: text += name.suffix(Int.random(in: 0...name.count, using: &random))
            default: text += words.randomElement(using: &random) ?? ""
            }
        }
        return text
    }

    /// Compares the pieces with the whole, for all options.
    private static func compare(_ text: String, _ pieces: LlamaVocabulary, _ whole: WholeTokenizer, _ comment: String) throws {
        let work = WorkBudget()
        for (addSpecial, parseSpecial) in [(false, false), (false, true), (true, false), (true, true)] {
            let expected = whole.tokens(of: text, addSpecial: addSpecial, parseSpecial: parseSpecial)
            let found = try pieces.tokenize(text, addSpecial: addSpecial, parseSpecial: parseSpecial, within: work)
            #expect(found == expected, "\(comment) \(addSpecial) \(parseSpecial) \(text.prefix(500).debugDescription)")
        }
    }

    private static func tokenizers(_ path: String) throws -> (LlamaVocabulary, WholeTokenizer) {
        (try LlamaModel(path: path, options: .init(vocabularyOnly: true)).vocabulary, try WholeTokenizer(path: path))
    }

    @Test(arguments: LlamaSource.allVocabularies)
    func piecesHaveTheTokensOfTheWhole(file: String) throws {
        let (pieces, whole) = try Self.tokenizers("\(LlamaSource.models)/\(file)")
        var random = SeededGenerator(seed: 11)
        let names = Array(whole.specials.shuffled(using: &random).prefix(40))
        #expect(!names.isEmpty)
        for number in 0..<40 {
            let text = Self.text(names, parts: Int.random(in: 0...20, using: &random), &random)
            try Self.compare(text, pieces, whole, "\(file) \(number)")
            #expect(
                pieces.tokenize(text, addSpecial: true, parseSpecial: true) == whole.tokens(of: text, addSpecial: true, parseSpecial: true))
        }
        // The search for special tokens reads 16 KiB at a time.
        var long = ""
        while long.utf8.count < 50_000 {
            long += Self.text(names, parts: 4, &random) + String(repeating: "some words ", count: Int.random(in: 50...90, using: &random))
        }
        try Self.compare(long, pieces, whole, file)
    }

    /// Texts without special tokens that are cut between words or lines.
    @Test(arguments: LlamaSource.allVocabularies)
    func longTextsHaveTheTokensOfTheWhole(file: String) throws {
        let (pieces, whole) = try Self.tokenizers("\(LlamaSource.models)/\(file)")
        var random = SeededGenerator(seed: 12)
        let plainWords = Self.words.filter { word in word == "日本" || word.utf8.allSatisfy { $0 < 0x80 } && word != "  " }
        let words = plainWords + ["the", " quick", " brown", " fox", " jumps", " over", "I'll", " I've", " DON'T", "3.14", " it"]
        var text = ""
        while text.utf8.count < 150_000 { text += words.randomElement(using: &random) ?? "" }
        let expected = whole.tokens(of: text, addSpecial: true, parseSpecial: true)
        #expect(try pieces.tokenize(text, addSpecial: true, parseSpecial: true, within: WorkBudget()) == expected)
        let plain = String(repeating: "the quick brown fox jumps over the lazy dog\n", count: 3500)
        let plainly = whole.tokens(of: plain, addSpecial: false, parseSpecial: false)
        #expect(try pieces.tokenize(plain, addSpecial: false, parseSpecial: false, within: WorkBudget()) == plainly)
    }

    /// llama.cpp lets tokens remove the white space after them in models of the first name, and before one of them in models of the second.
    @Test(arguments: ["phi-3 overlaps", "modern-bert overlaps", "overlaps"])
    func overlappingTokensAreReadAsInTheWhole(name: String) throws {
        let path = try OverlappingVocabulary.write(name: name)
        defer { try? FileManager.default.removeItem(atPath: path) }
        let (pieces, whole) = try Self.tokenizers(path)
        var random = SeededGenerator(seed: 13)
        let units = ["x", "y", "z", " ", "\n", "a", "b", "<s>", "[MASK]", "<", "  "]
        func text(_ parts: Int) -> String { (0..<parts).map { _ in units.randomElement(using: &random) ?? "" }.joined() }
        for number in 0..<2000 { try Self.compare(text(Int.random(in: 0...60, using: &random)), pieces, whole, "\(name) \(number)") }
        for unit in ["\n", "xyz", " "] { try Self.compare(String(repeating: unit, count: 20_001), pieces, whole, name) }
        try Self.compare(text(20_000), pieces, whole, name)
    }

    @Test func longRunsOfOneTokenAreReadAsInTheWhole() throws {
        let (pieces, whole) = try Self.tokenizers("\(LlamaSource.models)/ggml-vocab-gpt-neox.gguf")
        var random = SeededGenerator(seed: 14)
        var text = ""
        while text.utf8.count < 100_000 {
            text += String(repeating: " ", count: Int.random(in: 0..<20_000, using: &random)) + "word"
        }
        try Self.compare(text, pieces, whole, "spaces")
    }

    @Test func marksHoldInAllParts() throws {
        let vocabulary = try Self.tokenizers("\(LlamaSource.models)/ggml-vocab-qwen2.gguf").0
        let control = vocabulary.tokenize("<|im_start|>", addSpecial: false, parseSpecial: true)
        let plain = vocabulary.tokenize("<|im_end|>", addSpecial: false, parseSpecial: false)
        #expect(control.count == 1 && plain.count > 1)
        let count = 5000
        var prompt = RenderedPrompt(text: String(repeating: "<|im_start|><|im_end|>", count: count))
        prompt.marks = (0..<count).map { $0 * 22 + 12 }
        let tokens = try vocabulary.tokenize(prompt, addSpecial: false, parseSpecial: true, within: WorkBudget())
        #expect(tokens == Array(repeatElement(control + plain, count: count).joined()))
    }

    // MARK: Limits

    /// A clock that advances by a second whenever it is read.
    private final class Clock: Sendable {
        private let count = Mutex(0)

        var reads: Int { count.withLock { $0 } }

        var clock: WorkClock {
            WorkClock(
                wall: {
                    self.count.withLock { count in
                        count += 1
                        return .seconds(count)
                    }
                }, thread: { .zero })
        }
    }

    private static let messages = ["<|im_start|>user\nHello<|im_end|>\n", "one two three\n", "<|im_end|>"]

    @Test(arguments: messages) func theWorkStopsBetweenPieces(message: String) throws {
        let text = String(repeating: message, count: 50_000)
        let vocabulary = try LlamaModel(path: "\(LlamaSource.models)/ggml-vocab-qwen2.gguf", options: .init(vocabularyOnly: true)).vocabulary
        let (short, long) = (Clock(), Clock())
        #expect(throws: WorkStopped.tooLong(seconds: 5)) {
            try vocabulary.tokenize(text, addSpecial: true, parseSpecial: true, within: WorkBudget(seconds: 5, clock: short.clock))
        }
        // The first reading starts the budget, and the seventh is beyond it.
        #expect(short.reads == 7)
        let tokens = try vocabulary.tokenize(text, addSpecial: true, parseSpecial: true, within: WorkBudget(seconds: 1e6, clock: long.clock))
        #expect(long.reads > 20 && !tokens.isEmpty)
        let cancelled = WorkBudget()
        cancelled.cancel()
        #expect(throws: WorkStopped.cancelled) {
            try vocabulary.tokenize(text, addSpecial: true, parseSpecial: true, within: cancelled)
        }
    }

    /// llama.cpp takes minutes for such a text in one call.
    @Test(.timeLimit(.minutes(1))) func theTimeGrowsWithTheTextAlone() throws {
        let vocabulary = try LlamaModel(path: "\(LlamaSource.models)/ggml-vocab-qwen2.gguf", options: .init(vocabularyOnly: true)).vocabulary
        let message = "<|im_start|>user\nHow are you today?<|im_end|>\n"
        let once = vocabulary.tokenize(message, addSpecial: false, parseSpecial: true)
        let count = 50_000
        let tokens = vocabulary.tokenize(String(repeating: message, count: count), addSpecial: false, parseSpecial: true)
        #expect(tokens.count == once.count * count)
    }

    @Test func aLongTextThatCannotBeCutIsRefused() throws {
        let vocabulary = try LlamaModel(path: "\(LlamaSource.models)/ggml-vocab-qwen2.gguf", options: .init(vocabularyOnly: true)).vocabulary
        let limit = InputLimits.standard.wholeTextBytes
        let text = "<|im_start|>" + String(repeating: "日", count: limit / 3 + 1)
        let error = #expect(throws: GenerationError.self) {
            try vocabulary.tokenize(text, addSpecial: true, parseSpecial: true, within: WorkBudget())
        }
        if case .beyondLimit(let reason) = error {
            #expect(reason.contains("the limit of \(limit)"))
        } else {
            Issue.record("\(String(describing: error))")
        }
    }
}
