import CLlama
import Foundation
import ShimmyCore

/// The tokens of a vocabulary that a tokenizer reads from text only when it is asked to, such as `<|im_end|>`.
///
/// Immutable; made once for a model.
struct ControlTokens: Sendable {
    struct Strips: OptionSet {
        let rawValue: UInt8
        /// The token takes the white space before it away.
        static let before = Strips(rawValue: 1)
        /// The token takes the white space after it away.
        static let after = Strips(rawValue: 2)
    }

    private(set) var trie = ByteTrie()
    /// Bytes of the longest token of the vocabulary; nil where a token may stand for text of any length.
    private(set) var longestToken: Int?
    /// Tokens that take white space away.
    private var strips: [Token: Strips] = [:]

    /// For templates without a model.
    init(texts: [String]) {
        for (index, text) in texts.enumerated() { trie.insert(text.utf8, value: Int32(index)) }
    }

    /// - vocabulary: a `llama_vocab`.
    init(of vocabulary: OpaquePointer) {
        guard llama_vocab_type(vocabulary) != LLAMA_VOCAB_TYPE_NONE else { return }
        let type = llama_vocab_type(vocabulary)
        var longest = 1
        let controls = LLAMA_TOKEN_ATTR_CONTROL.rawValue | LLAMA_TOKEN_ATTR_UNKNOWN.rawValue
        for token in 0..<llama_vocab_n_tokens(vocabulary) {
            let attributes = llama_vocab_get_attr(vocabulary, token).rawValue
            guard let text = llama_vocab_get_text(vocabulary, token) else { continue }
            longest = max(longest, strlen(text))
            guard attributes & controls != 0 else { continue }
            trie.insert(String(cString: text).utf8, value: token)
            var strips: Strips = []
            if attributes & LLAMA_TOKEN_ATTR_LSTRIP.rawValue != 0 { strips.insert(.before) }
            if attributes & LLAMA_TOKEN_ATTR_RSTRIP.rawValue != 0 { strips.insert(.after) }
            if !strips.isEmpty { self.strips[token] = strips }
        }
        // Other kinds normalize texts, or have a token for any unknown word.
        if strips.isEmpty, type == LLAMA_VOCAB_TYPE_BPE || type == LLAMA_VOCAB_TYPE_SPM { longestToken = longest }
    }

    /// A part of a prompt.
    struct Part: Equatable {
        var range: Range<Int>
        /// Whether the part may contain control tokens.
        var parses: Bool
    }

    /// Splits a prompt into parts that can be tokenized one by one with the same result as the whole, except that no control token begins at a
    /// mark.
    ///
    /// A part without control tokens is all the text between two of them, so that no merge crosses a border.
    /// - marks: byte offsets in increasing order.
    func parts(of text: UnsafeBufferPointer<UInt8>, marks: [Int]) -> [Part] {
        guard !marks.isEmpty else { return [Part(range: 0..<text.count, parses: true)] }
        var parts: [Part] = []
        var marks = marks[...]
        /// Where the part that may contain control tokens begins, and where the last control token ends.
        var (begin, end) = (0, 0)
        var last: Token?
        var isMarked = false
        func close(at place: Int, before next: Token?) {
            defer { isMarked = false }
            guard isMarked else { return }
            var plain = end..<place
            if let last, strips[last]?.contains(.after) == true { plain = plain.dropFirst(while: { isSpace(text[$0]) }) }
            if let next, strips[next]?.contains(.before) == true { plain = plain.dropLast(while: { isSpace(text[$0]) }) }
            if begin < end { parts.append(Part(range: begin..<end, parses: true)) }
            if !plain.isEmpty { parts.append(Part(range: plain, parses: false)) }
            begin = place
        }
        var place = 0
        while place < text.count {
            while let mark = marks.first, mark < place { marks.removeFirst() }
            if marks.first == place {
                isMarked = true
            } else if let (token, tokenEnd) = trie.match(text, at: place).member {
                close(at: place, before: token)
                (place, end, last) = (tokenEnd, tokenEnd, token)
                continue
            }
            place += 1
        }
        close(at: text.count, before: nil)
        if begin < text.count { parts.append(Part(range: begin..<text.count, parses: true)) }
        return parts
    }
}

/// C's `isspace`, which llama.cpp strips by.
private func isSpace(_ byte: UInt8) -> Bool { byte == 0x20 || (0x09...0x0D).contains(byte) }

extension Range<Int> {
    fileprivate func dropFirst(while isDropped: (Int) -> Bool) -> Range<Int> {
        (self.first { !isDropped($0) } ?? upperBound)..<upperBound
    }

    fileprivate func dropLast(while isDropped: (Int) -> Bool) -> Range<Int> {
        lowerBound..<((self.last { !isDropped($0) }).map { $0 + 1 } ?? lowerBound)
    }
}
