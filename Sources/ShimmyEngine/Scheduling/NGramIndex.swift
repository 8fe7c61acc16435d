/// An index of the last occurrence of each run of three units in a prompt or a prediction.
///
/// It is built once for all choices of a request, before the engine receives the request, in time proportional to the length. It is a hash table with
/// linear probing. The hash's factors are random, so that a client cannot craft a text that makes it slow.
struct NGramIndex: Sendable {
    let units: [PromptUnit]
    /// The ends of n-grams, by their hashes; 0 for an empty entry. It has at least twice as many entries as there are n-grams.
    private var table: [Int32] = []
    private let factors: (UInt64, UInt64, UInt64)
    private let shift: UInt64
    /// The end of the last n-gram that is indexed.
    private let bound: Int

    /// The units of an n-gram. Two match by chance; four miss the beginning of a repetition.
    private static let length = 3
    private static let randomFactors = (randomOdd(), randomOdd(), randomOdd())

    private static func randomOdd() -> UInt64 { .random(in: .min ... .max) | 1 }

    /// Indexes units.
    /// - isComplete: whether nothing follows them, which makes their last n-gram useless.
    init(_ units: [PromptUnit], isComplete: Bool = false) {
        self.units = units
        factors = Self.randomFactors
        bound = isComplete ? units.count - 1 : units.count
        guard bound >= Self.length else {
            shift = 0
            return
        }
        let bits = Int.bitWidth - (2 * units.count).leadingZeroBitCount
        shift = UInt64(64 - bits)
        table = [Int32](repeating: 0, count: 1 << bits)
        for end in Self.length...bound { table[entry(ofGramIn: units, before: end)] = Int32(end) }
    }

    /// Returns the index after the last occurrence of the last three units of `text`; nil for none.
    func lastEnd(ofGramEnding text: [PromptUnit]) -> Int? {
        guard text.count >= Self.length, !table.isEmpty else { return nil }
        let end = table[entry(ofGramIn: text, before: text.count)]
        return end > 0 ? Int(end) : nil
    }

    /// Returns the first index after an occurrence of the last three units of `text`; nil for none. It tests `start` and the `count` indices after
    /// it.
    func firstEnd(ofGramEnding text: [PromptUnit], from start: Int, within count: Int) -> Int? {
        guard text.count >= Self.length else { return nil }
        let first = max(start, Self.length)
        guard first <= bound else { return nil }
        return (first...min(bound, first + count)).first { isGram(in: text, before: text.count, theOneBefore: $0) }
    }

    /// Returns the index of the table entry for this n-gram, or of the empty entry where it belongs.
    private func entry(ofGramIn text: [PromptUnit], before end: Int) -> Int {
        var hash = UInt64(bitPattern: text[end - 3].rawValue) &* factors.0
        hash = (hash ^ (hash >> 32)) &* factors.1 &+ UInt64(bitPattern: text[end - 2].rawValue) &* factors.2
        hash = (hash ^ (hash >> 29)) &* factors.0 &+ UInt64(bitPattern: text[end - 1].rawValue) &* factors.1
        hash = (hash ^ (hash >> 32)) &* factors.2
        var entry = Int(truncatingIfNeeded: hash >> shift)
        while table[entry] != 0, !isGram(in: text, before: end, theOneBefore: Int(table[entry])) { entry = (entry + 1) & (table.count - 1) }
        return entry
    }

    private func isGram(in text: [PromptUnit], before end: Int, theOneBefore own: Int) -> Bool {
        text[end - 1] == units[own - 1] && text[end - 2] == units[own - 2] && text[end - 3] == units[own - 3]
    }
}
