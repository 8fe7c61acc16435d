import CChat
import CLlama
import Foundation
import ShimmyCore

/// The tokens that llama.cpp reads from a text before it splits the rest into words: control tokens, unknown tokens and user-defined tokens.
///
/// llama.cpp (`tokenizer_st_partition`) searches the text for one token after the other, from the longest to the shortest, and cuts it at each match.
/// That takes time in proportion to the number of these tokens and to the square of the number of matches. A `Reader` returns the same parts in time
/// in proportion to the text, some at a time.
///
/// Immutable; created once for each model.
struct SpecialTokens: Sendable {
    fileprivate struct Special: Sendable {
        var token: Token
        var length: Int
        /// Whether the token is read only if control tokens are, and not at a mark.
        var isControl: Bool
        /// Whether the token removes the white space before it, or after it.
        var stripsBefore: Bool
        var stripsAfter: Bool
    }

    /// A part of a text.
    enum Part: Equatable {
        case token(Token)
        /// The range of a text without special tokens, in bytes.
        case text(Range<Int>)
    }

    /// The tokens in the order in which llama.cpp searches for them.
    private var specials: [Special] = []
    /// The texts of the tokens, with their indices in `specials`.
    private var trie = ByteTrie()
    /// The maximum number of bytes before a position of a text in which the tokens depend on the text after that position.
    private var influence = 0
    /// Whether white space that a token removes can contain other tokens. The tokens then depend on the whole text.
    private var needsWholeText = false
    /// The maximum number of tokens that begin at the same position of a text.
    private var mostNested = 1

    /// Collects the special tokens of a model's vocabulary.
    /// - vocabulary: a `llama_vocab`.
    /// - withControls: whether to include control tokens and unknown tokens, as `llama_tokenize` does with `parse_special`.
    init(of vocabulary: OpaquePointer, withControls: Bool) {
        guard llama_vocab_type(vocabulary) != LLAMA_VOCAB_TYPE_NONE else { return }
        let controls = LLAMA_TOKEN_ATTR_CONTROL.rawValue | LLAMA_TOKEN_ATTR_UNKNOWN.rawValue
        var (found, texts): ([Special], [[UInt8]]) = ([], [])
        for token in 0..<llama_vocab_n_tokens(vocabulary) {
            let attributes = llama_vocab_get_attr(vocabulary, token).rawValue
            guard attributes & (controls | LLAMA_TOKEN_ATTR_USER_DEFINED.rawValue) != 0 else { continue }
            guard let text = llama_vocab_get_text(vocabulary, token) else { continue }
            let bytes = [UInt8](UnsafeRawBufferPointer(start: text, count: strlen(text)))
            texts.append(bytes)
            found.append(
                Special(
                    token: token, length: bytes.count, isControl: attributes & controls != 0,
                    stripsBefore: attributes & LLAMA_TOKEN_ATTR_LSTRIP.rawValue != 0,
                    stripsAfter: attributes & LLAMA_TOKEN_ATTR_RSTRIP.rawValue != 0))
        }
        // The order of all tokens determines that of the user-defined ones, because the sort is not stable.
        var order = [Int32](repeating: 0, count: found.count)
        cchat_search_order(found.map(\.length), Int32(found.count), &order)
        let kept = order.map { Int($0) }.filter { found[$0].length > 0 && (withControls || !found[$0].isControl) }
        specials = kept.map { found[$0] }
        let members = kept.map { texts[$0] }
        for (index, member) in members.enumerated() { trie.insert(member, value: Int32(index)) }
        measure(members)
    }

    private mutating func measure(_ members: [[UInt8]]) {
        for member in members {
            member.withUnsafeBufferPointer { bytes in
                let overlaps = bytes.indices.dropFirst().contains { start in
                    let match = trie.match(bytes, at: start)
                    return match.member != nil || match.reach == bytes.count
                }
                // A token can depend on a longer token that begins inside it, and so on, each of them farther to the right.
                if overlaps { influence = influence.saturated(adding: bytes.count - 1) }
                var nested = 0
                trie.forEachMember(in: bytes, at: 0) { _, _ in nested += 1 }
                mostNested = max(mostNested, nested)
            }
        }
        needsWholeText = specials.contains { $0.stripsBefore || $0.stripsAfter } && members.contains { $0.contains(where: isSpace) }
    }

    /// The maximum number of bytes of a text for which a reader does as much work at once as for `bytes` bytes; nil if it never reads a whole text at
    /// once.
    func mostText(for bytes: Int) -> Int? { needsWholeText ? bytes / mostNested : nil }

    /// Returns a reader of the parts of `text`.
    /// - marks: byte offsets in increasing order at which no control token begins.
    func reader(of text: UnsafeBufferPointer<UInt8>, marks: [Int]) -> Reader { Reader(specials: self, text: text, marks: marks) }

    /// Reads the parts of a text in order. The text must outlive the reader.
    struct Reader {
        /// Bytes of text that one call of `next` reads.
        private static let windowBytes = 16 << 10

        private let specials: SpecialTokens
        private let text: UnsafeBufferPointer<UInt8>
        private let marks: [Int]
        /// The index of the first mark at or after `begin`.
        private var nextMark = 0
        /// The position up to which all tokens are known.
        private var begin = 0
        /// The position up to which the parts were returned, and the token that ends there.
        private var returned = 0
        private var last: Special?
        private var isDone = false

        fileprivate init(specials: SpecialTokens, text: UnsafeBufferPointer<UInt8>, marks: [Int]) {
            self.specials = specials
            self.text = text
            self.marks = marks
        }

        /// An occurrence of a token in the text.
        private struct Match {
            /// The token's index in `specials`.
            var rank: Int32
            /// The offset from the start of the window.
            var offset: Int32
        }

        /// Returns the next parts, possibly none; nil at the end of the text.
        mutating func next() -> [Part]? {
            guard !isDone else { return nil }
            let width = Self.windowBytes.saturated(adding: specials.influence.saturated(multipliedBy: 2))
            let end = specials.needsWholeText ? text.count : min(text.count, begin.saturated(adding: width))
            // The text after the window can change only tokens behind this position.
            let sure = end == text.count ? end : end - specials.influence
            var parts: [Part] = []
            var known = sure
            for match in tokens(upTo: end) {
                let start = begin + Int(match.offset)
                if start >= sure { break }
                let special = specials.specials[Int(match.rank)]
                appendText(upTo: start, before: special, to: &parts)
                parts.append(.token(special.token))
                (returned, last) = (start + special.length, special)
                known = max(known, returned)
            }
            begin = known
            if end == text.count {
                appendText(upTo: end, before: nil, to: &parts)
                isDone = true
            }
            return parts
        }

        private func appendText(upTo place: Int, before next: Special?, to parts: inout [Part]) {
            var (start, end) = (returned, place)
            if last?.stripsAfter == true { while start < end, isSpace(text[start]) { start += 1 } }
            if next?.stripsBefore == true { while start < end, isSpace(text[end - 1]) { end -= 1 } }
            if start < end { parts.append(.text(start..<end)) }
        }

        /// Returns the tokens of the window from `begin` to `end`, in the order of their positions.
        private mutating func tokens(upTo end: Int) -> [Match] {
            while nextMark < marks.count, marks[nextMark] < begin { nextMark += 1 }
            var (matches, mark, covered): ([Match], Int, Int) = ([], nextMark, begin)
            var overlap = false
            for start in begin..<end where specials.trie.mayBegin(with: text[start]) {
                while mark < marks.count, marks[mark] < start { mark += 1 }
                let isMarked = mark < marks.count && marks[mark] == start
                specials.trie.forEachMember(in: text, at: start) { rank, stop in
                    if isMarked, specials.specials[Int(rank)].isControl { return }
                    if start < covered { overlap = true }
                    covered = max(covered, stop)
                    matches.append(Match(rank: rank, offset: Int32(truncatingIfNeeded: start - begin)))
                }
            }
            guard overlap || specials.needsWholeText else { return matches }
            return chosen(of: matches, count: (specials.needsWholeText ? text.count : covered) - begin)
        }

        /// Returns the matches that llama.cpp reads as tokens, of matches that overlap. The search for a token does not find matches that overlap
        /// with a token that was found before, or with white space that such a token removed.
        /// - count: the number of bytes from `begin` that the matches, or the white space beside them, can cover.
        private func chosen(of matches: [Match], count: Int) -> [Match] {
            var isTaken = [Bool](repeating: false, count: count)
            var chosen: [Match] = []
            for match in ordered(matches) {
                let special = specials.specials[Int(match.rank)]
                let start = Int(match.offset), end = start + special.length
                // Longer tokens come first, so a token that overlaps covers the first or the last byte.
                if isTaken[start] || isTaken[end - 1] { continue }
                if specials.needsWholeText, isTaken[start..<end].contains(true) { continue }
                for place in start..<end { isTaken[place] = true }
                chosen.append(match)
                guard specials.needsWholeText else { continue }
                var place = start - 1
                while special.stripsBefore, place >= 0, !isTaken[place], isSpace(text[begin + place]) {
                    isTaken[place] = true
                    place -= 1
                }
                place = end
                while special.stripsAfter, place < count, !isTaken[place], isSpace(text[begin + place]) {
                    isTaken[place] = true
                    place += 1
                }
            }
            return chosen.sorted { $0.offset < $1.offset }
        }

        /// Returns the matches in the order in which llama.cpp finds them: by rank, then by position.
        private func ordered(_ matches: [Match]) -> [Match] {
            // The matches are in the order of their positions. A counting sort keeps it for each rank.
            var places = [Int](repeating: 0, count: specials.specials.count + 1)
            for match in matches { places[Int(match.rank) + 1] += 1 }
            for rank in specials.specials.indices { places[rank + 1] += places[rank] }
            var ordered = matches
            for match in matches {
                ordered[places[Int(match.rank)]] = match
                places[Int(match.rank)] += 1
            }
            return ordered
        }
    }
}

/// The definition of C's `isspace`, with which llama.cpp strips white space.
private func isSpace(_ byte: UInt8) -> Bool { byte == 0x20 || (0x09...0x0D).contains(byte) }
