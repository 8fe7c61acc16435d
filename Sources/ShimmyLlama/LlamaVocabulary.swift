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

    package func infill(_ prefix: [Token], _ suffix: [Token]) -> [Token]? {
        let marks = [llama_vocab_fim_pre(pointer), llama_vocab_fim_suf(pointer), llama_vocab_fim_mid(pointer)]
        guard marks.allSatisfy({ $0 >= 0 }) else { return nil }
        let beginning = llama_vocab_get_add_bos(pointer) ? beginning : []
        return beginning + [marks[0]] + prefix + [marks[1]] + suffix + [marks[2]]
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

    package func tokenize(_ text: String, addSpecial: Bool, parseSpecial: Bool) -> [Token] {
        var text = text
        return text.withUTF8 { tokenize($0, addSpecial: addSpecial, parseSpecial: parseSpecial) }
    }

    package var longestToken: Int? { model.controls.longestToken }

    package func unbrokenLimit(exceededBy text: String) -> Int? {
        guard let unbroken = model.unbroken else { return nil }
        var text = text
        return text.withUTF8 { unbroken.cuts(in: $0).isEmpty } ? nil : unbroken.limit
    }

    private func tokenize(_ text: UnsafeBufferPointer<UInt8>, addSpecial: Bool, parseSpecial: Bool) -> [Token] {
        // Requests with such a text are rejected earlier. Splitting it here keeps the process alive in any other case.
        let cuts = model.unbroken?.cuts(in: text) ?? []
        if !cuts.isEmpty {
            return zip([0] + cuts, cuts + [text.count]).flatMap { start, end in
                let part = UnsafeBufferPointer(rebasing: text[start..<end])
                return tokenize(part, addSpecial: addSpecial && start == 0, parseSpecial: parseSpecial)
            }
        }
        return text.withMemoryRebound(to: CChar.self) { bytes in
            // A token has at least one byte, except those that addSpecial adds. If the buffer is too small, llama.cpp returns the negated count.
            var tokens = [Token](repeating: 0, count: bytes.count + 4)
            var count = fill(&tokens, bytes, addSpecial, parseSpecial)
            if count < 0 {
                tokens = [Token](repeating: 0, count: Int(-count))
                count = fill(&tokens, bytes, addSpecial, parseSpecial)
            }
            return Array(tokens.prefix(Int(max(0, count))))
        }
    }

    package func tokenize(_ prompt: RenderedPrompt, addSpecial: Bool) -> [Token] {
        guard !prompt.marks.isEmpty else { return tokenize(prompt.text, addSpecial: addSpecial, parseSpecial: true) }
        var tokens = addSpecial && llama_vocab_get_add_bos(pointer) ? beginning : []
        var text = prompt.text
        text.withUTF8 { text in
            for part in model.controls.parts(of: text, marks: prompt.marks) {
                tokens += tokenize(UnsafeBufferPointer(rebasing: text[part.range]), addSpecial: false, parseSpecial: part.parses)
            }
        }
        return addSpecial && llama_vocab_get_add_eos(pointer) ? tokens + (ending.map { [$0] } ?? []) : tokens
    }

    private func fill(_ tokens: inout [Token], _ bytes: UnsafeBufferPointer<CChar>, _ addSpecial: Bool, _ parseSpecial: Bool) -> Int32 {
        llama_tokenize(pointer, bytes.baseAddress, Int32(bytes.count), &tokens, Int32(tokens.count), addSpecial, parseSpecial)
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
