import CLlama
import Foundation
import ShimmyCore

/// The control tokens of a vocabulary, such as `<|im_end|>`. A tokenizer reads them from text only if `parseSpecial` is set.
///
/// Immutable; created once for each model.
struct ControlTokens: Sendable {
    struct Strips: OptionSet {
        let rawValue: UInt8
        /// The token removes the white space before it.
        static let before = Strips(rawValue: 1)
        /// The token removes the white space after it.
        static let after = Strips(rawValue: 2)
    }

    private(set) var trie = ByteTrie()
    /// The length of the vocabulary's longest token in bytes; nil if a token can stand for text of any length.
    private(set) var longestToken: Int?
    /// The tokens that remove white space.
    private var strips: [Token: Strips] = [:]

    /// Creates a set of control tokens for templates without a model.
    init(texts: [String]) {
        for (index, text) in texts.enumerated() { trie.insert(text.utf8, value: Int32(index)) }
    }

    /// Collects the control tokens of a model's vocabulary.
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
        // Other types of vocabulary normalize text, or have a token for unknown words of any length.
        if strips.isEmpty, type == LLAMA_VOCAB_TYPE_BPE || type == LLAMA_VOCAB_TYPE_SPM { longestToken = longest }
    }

    /// A part of a prompt.
    struct Part: Equatable {
        var range: Range<Int>
        /// Whether the part may contain control tokens.
        var parses: Bool
    }

    /// Splits a prompt into parts that can be tokenized separately with the same result as the whole, except that no control token begins at a mark.
    ///
    /// A part without control tokens extends from one control token to the next, so that no token merge crosses its borders.
    /// - marks: byte offsets in increasing order.
    func parts(of text: UnsafeBufferPointer<UInt8>, marks: [Int]) -> [Part] {
        guard !marks.isEmpty else { return [Part(range: 0..<text.count, parses: true)] }
        var parts: [Part] = []
        var marks = marks[...]
        /// The start of the current part that may contain control tokens, and the end of the last control token.
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

/// The definition of C's `isspace`, with which llama.cpp strips white space.
private func isSpace(_ byte: UInt8) -> Bool { byte == 0x20 || (0x09...0x0D).contains(byte) }

extension Range<Int> {
    fileprivate func dropFirst(while isDropped: (Int) -> Bool) -> Range<Int> {
        (self.first { !isDropped($0) } ?? upperBound)..<upperBound
    }

    fileprivate func dropLast(while isDropped: (Int) -> Bool) -> Range<Int> {
        lowerBound..<((self.last { !isDropped($0) }).map { $0 + 1 } ?? lowerBound)
    }
}
