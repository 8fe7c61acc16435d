import CChat
import CLlama
package import ShimmyChat
package import ShimmyCore

/// The tokenizer of a loaded model.
///
/// `@unchecked Sendable`: `pointer` belongs to `model`, which this value keeps alive, and llama.cpp only reads it.
package struct LlamaVocabulary: Vocabulary, @unchecked Sendable {
    let model: LlamaModel
    private let pointer: OpaquePointer

    init(model: LlamaModel) {
        self.model = model
        self.pointer = llama_model_get_vocab(model.pointer)
    }

    package var tokenCount: Int { Int(llama_vocab_n_tokens(pointer)) }

    /// The token that ends a turn (EOT), or EOS if the model has none.
    package var endOfGeneration: Token {
        let turn = llama_vocab_eot(pointer)
        return turn >= 0 ? turn : llama_vocab_eos(pointer)
    }

    package var endTokens: [Token] {
        let all = (0..<Token(tokenCount)).filter(isEndOfGeneration)
        return [endOfGeneration].filter(all.contains) + all.filter { $0 != endOfGeneration }
    }

    package var controlTokens: [Token] {
        (0..<Token(tokenCount)).filter { llama_vocab_is_control(pointer, $0) && !isEndOfGeneration($0) }
    }

    package var beginning: [Token] {
        let token = llama_vocab_bos(pointer)
        return token >= 0 ? [token] : []
    }

    package var ending: Token? {
        let token = llama_vocab_eos(pointer)
        return token >= 0 ? token : nil
    }

    package var infillMarks: InfillMarks? {
        func mark(_ token: Token) -> Token? { token >= 0 ? token : nil }
        guard let prefix = mark(llama_vocab_fim_pre(pointer)), let suffix = mark(llama_vocab_fim_suf(pointer)),
            let middle = mark(llama_vocab_fim_mid(pointer))
        else { return nil }
        return InfillMarks(
            beginning: llama_vocab_get_add_bos(pointer) ? beginning : [], prefix: prefix, suffix: suffix, middle: middle,
            repository: mark(llama_vocab_fim_rep(pointer)), file: mark(llama_vocab_fim_sep(pointer)))
    }

    /// The format that llama-server uses: the file's own rerank template, or the marks that its tokenizer adds.
    package var pairFormat: PairFormat {
        if let template = llama_model_chat_template(model.pointer, "rerank") { return .template(String(cString: template)) }
        let first: Token? = llama_vocab_get_add_bos(pointer) ? beginning.first : nil
        let mark: Token? = llama_vocab_sep(pointer) >= 0 ? llama_vocab_sep(pointer) : nil
        let separator: Token? = llama_vocab_get_add_sep(pointer) ? mark : nil
        if llama_vocab_get_add_eos(pointer) { return .marks(beginning: first, ending: ending ?? mark, separator: separator) }
        // BERT's tokenizer adds its separator after every text, even if the file's metadata does not say so.
        if model.metadata("tokenizer.ggml.model") == "bert" { return .marks(beginning: first, ending: mark, separator: nil) }
        return .marks(beginning: first, ending: nil, separator: separator)
    }

    package func isEndOfGeneration(_ token: Token) -> Bool { llama_vocab_is_eog(pointer, token) }

    package var longestToken: Int? { model.controls.longestToken }

    package func unbrokenLimit(exceededBy text: String) -> Int? {
        guard let unbroken = model.unbroken else { return nil }
        var text = text
        return text.withUTF8 { unbroken.cuts(in: $0).isEmpty } ? nil : unbroken.limit
    }

    package func tokenize(_ text: String, addSpecial: Bool, parseSpecial: Bool) -> [Token] {
        var text = text
        return text.withUTF8 { tokens(of: $0, addSpecial: addSpecial, parseSpecial: parseSpecial, pause: { _, _ in }, fail: {}) }
    }

    package func tokenize(_ prompt: RenderedPrompt, addSpecial: Bool) -> [Token] {
        var text = prompt.text
        return text.withUTF8 {
            tokens(of: $0, marks: prompt.marks, addSpecial: addSpecial, parseSpecial: true, pause: { _, _ in }, fail: {})
        }
    }

    package func tokenize(_ prompt: RenderedPrompt, addSpecial: Bool, parseSpecial: Bool, within work: WorkBudget) throws -> [Token] {
        var text = prompt.text
        func pause(_ bytes: Int, _ most: Int) throws {
            try work.check()
            if bytes > most {
                throw GenerationError.beyondLimit(
                    "has \(bytes) bytes of text that this model's tokenizer must process at once, which are more than the limit of \(most)")
            }
        }
        func fail() throws { throw GenerationError.beyondLimit("contains text that this model's tokenizer cannot process") }
        return try text.withUTF8 { text in
            try tokens(of: text, marks: prompt.marks, addSpecial: addSpecial, parseSpecial: parseSpecial, pause: pause, fail: fail)
        }
    }

    /// Returns the tokens that one call of llama.cpp returns for the whole text, except that no control token begins at a mark.
    ///
    /// The tokenizer processes the texts between special tokens independently (`SpecialTokens`), and can cut most of them again (`TextCuts`). So each
    /// call of llama.cpp gets one piece.
    /// - pause: called before each piece, with its size in bytes and the maximum size.
    /// - fail: called for a piece that llama.cpp cannot process. If it returns, the piece is dropped.
    private func tokens<Failure: Error>(
        of text: UnsafeBufferPointer<UInt8>, marks: [Int] = [], addSpecial: Bool, parseSpecial: Bool,
        pause: (_ bytes: Int, _ most: Int) throws(Failure) -> Void, fail: () throws(Failure) -> Void
    ) throws(Failure) -> [Token] {
        let most = InputLimits.standard.wholeTextBytes
        let specials = parseSpecial ? model.specials : model.definedSpecials
        if let mostText = specials.mostText(for: most) { try pause(text.count, mostText) }
        let added: (before: [Token], after: [Token]) = addSpecial ? addedTokens : ([], [])
        var (tokens, buffer): ([Token], [Token]) = (added.before, [])
        var reader = specials.reader(of: text, marks: marks)
        while let parts = reader.next() {
            try pause(0, most)
            for part in parts {
                switch part {
                case .token(let token): tokens.append(token)
                case .text(let range):
                    var start = range.lowerBound
                    while start < range.upperBound {
                        let (piece, next) = model.cuts.piece(of: text, from: start, to: range.upperBound)
                        try pause(piece.count, most)
                        if !append(UnsafeBufferPointer(rebasing: text[piece]), to: &tokens, buffer: &buffer) { try fail() }
                        start = next
                    }
                }
            }
        }
        tokens += added.after
        return tokens
    }

    /// Appends the tokens of a text without special tokens. Returns false if llama.cpp cannot process the text.
    /// - buffer: memory for the tokens of one piece.
    private func append(_ text: UnsafeBufferPointer<UInt8>, to tokens: inout [Token], buffer: inout [Token]) -> Bool {
        // Requests with such a text are rejected earlier. Splitting it here keeps the process alive in any other case.
        let cuts = model.unbroken?.cuts(in: text) ?? []
        var isRead = true
        for (start, end) in zip([0] + cuts, cuts + [text.count]) {
            text.withMemoryRebound(to: CChar.self) { bytes in
                let piece = UnsafeBufferPointer(rebasing: bytes[start..<end])
                // A token has at least one byte, except an inserted space.
                if buffer.count < piece.count + 4 { buffer = [Token](repeating: 0, count: piece.count + 4) }
                var count = fill(&buffer, piece)
                if count > buffer.count {
                    buffer = [Token](repeating: 0, count: count)
                    count = fill(&buffer, piece)
                }
                if count < 0 { isRead = false }
                tokens += buffer.prefix(max(0, count))
            }
        }
        return isRead
    }

    /// Returns the number of tokens of a text, also if it exceeds the size of `tokens`; -1 on failure.
    private func fill(_ tokens: inout [Token], _ bytes: UnsafeBufferPointer<CChar>) -> Int {
        Int(cchat_tokenize(pointer, bytes.baseAddress, Int32(bytes.count), &tokens, Int32(tokens.count), false, false))
    }

    /// The tokens that llama.cpp adds before and after a text, such as BOS and EOS.
    private var addedTokens: (before: [Token], after: [Token]) {
        var added = [Token](repeating: 0, count: 4)
        let count = Int(cchat_tokenize(pointer, "", 0, &added, Int32(added.count), true, false))
        added = Array(added.prefix(count <= added.count ? max(0, count) : 0))
        let type = llama_vocab_type(pointer)
        let addsFirst = [LLAMA_VOCAB_TYPE_SPM, LLAMA_VOCAB_TYPE_BPE, LLAMA_VOCAB_TYPE_UGM].contains(type) && llama_vocab_get_add_bos(pointer)
        let first = addsFirst || type == LLAMA_VOCAB_TYPE_WPM ? 1 : 0
        return (Array(added.prefix(first)), Array(added.dropFirst(first)))
    }

    package func piece(of token: Token, special: Bool) -> [UInt8] {
        guard token >= 0, Int(token) < tokenCount else { return [] }
        let short = withUnsafeTemporaryAllocation(of: CChar.self, capacity: 64) { buffer -> [UInt8]? in
            let length = llama_token_to_piece(pointer, token, buffer.baseAddress, Int32(buffer.count), 0, special)
            return length < 0 ? nil : buffer.prefix(Int(length)).map { UInt8(bitPattern: $0) }
        }
        if let short { return short }
        let needed = -llama_token_to_piece(pointer, token, nil, 0, 0, special)
        var buffer = [CChar](repeating: 0, count: Int(needed))
        let length = llama_token_to_piece(pointer, token, &buffer, needed, 0, special)
        return buffer.prefix(Int(max(0, length))).map { UInt8(bitPattern: $0) }
    }
}
