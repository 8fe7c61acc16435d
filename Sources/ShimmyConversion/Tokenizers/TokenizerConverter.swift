import ShimmyFormats
import ShimmyJSON

/// A converter of tokenizer.json and tokenizer_config.json into llama.cpp's metadata.
struct TokenizerConverter {
    /// The token types of llama.cpp.
    enum TokenType: Int {
        case normal = 1
        case unknown, control, userDefined, unused, byte
    }

    struct Entry {
        var text: String
        var type: TokenType
        var score: Float = 0
    }

    /// The tokens by id, without gaps.
    private(set) var entries: [Entry] = []
    private(set) var metadata: [(String, GGUFWriter.Value)] = []
    private let tokenizer: JSON
    private let config: JSON
    /// The token ids by the tokens' bytes. Strings cannot be the keys, because texts that Unicode considers equivalent are different tokens.
    private let ids: [[UInt8]: Int]

    /// Reads and converts the tokenizer of a folder.
    /// - tokenCount: the number of rows of the model's embedding table, which may exceed the number of tokens; nil for one row per token.
    init(_ folder: HubFolder, tokenCount: Int?) throws(FormatError) {
        guard let tokenizer = try folder.file("tokenizer.json") else { throw FormatError("\(folder.path) has no tokenizer.json") }
        self.tokenizer = tokenizer
        config = try folder.file("tokenizer_config.json") ?? [:]
        ids = try Self.ids(tokenizer)
        try fillEntries(tokenCount)
        switch tokenizer["model"]?["type"]?.stringValue ?? "BPE" {
        case "WordPiece": convertWordPiece()
        case "BPE" where tokenizer["model"]?["byte_fallback"]?.boolValue == true: try convertSentencePieces()
        case "BPE": try convertBytePairs()
        case let type: throw FormatError("tokenizers of the type \(type) cannot be converted; BPE and WordPiece can")
        }
        addTokens()
        addSpecialTokens()
        addTemplate(folder)
    }

    // MARK: The vocabulary

    private static func ids(_ tokenizer: JSON) throws(FormatError) -> [[UInt8]: Int] {
        guard let vocabulary = tokenizer["model"]?["vocab"]?.objectValue else { throw FormatError("tokenizer.json has no vocabulary") }
        var ids: [[UInt8]: Int] = [:]
        for (token, id) in vocabulary {
            guard let id = id.intValue, id >= 0, id < 1 << 24 else { throw FormatError("tokenizer.json has a token without a usable id") }
            ids[Array(token.utf8)] = id
        }
        for token in tokenizer["added_tokens"]?.arrayValue ?? [] {
            guard let text = token["content"]?.stringValue, let id = token["id"]?.intValue, id >= 0, id < 1 << 24 else {
                throw FormatError("tokenizer.json has an added token without a usable id")
            }
            ids[Array(text.utf8)] = id
        }
        return ids
    }

    private func id(of text: String) -> Int? { ids[Array(text.utf8)] }

    private mutating func fillEntries(_ tokenCount: Int?) throws(FormatError) {
        let known = (ids.values.max() ?? -1) + 1
        // Gaps between ids are filled with unused tokens. Far more gaps than tokens mean that the file is damaged.
        guard known <= 4 * ids.count + (1 << 16) else {
            throw FormatError("tokenizer.json has only \(ids.count) tokens, but ids up to \(known - 1)")
        }
        let count = max(known, tokenCount ?? 0)
        guard count <= known + (1 << 20) else { throw FormatError("the model has \(count) tokens, but its tokenizer has \(known)") }
        entries = (0..<count).map { Entry(text: "[PAD\($0)]", type: .unused) }
        for (text, id) in ids { entries[id] = Entry(text: String(decoding: text, as: UTF8.self), type: .normal) }
        for token in tokenizer["added_tokens"]?.arrayValue ?? [] {
            guard let id = token["id"]?.intValue else { continue }
            entries[id].type = token["special"]?.boolValue == true ? .control : .userDefined
        }
    }

    private mutating func addTokens() {
        metadata.append(("tokenizer.ggml.tokens", .strings(entries.map(\.text))))
        metadata.append(("tokenizer.ggml.token_type", .integers(entries.map(\.type.rawValue))))
    }

    // MARK: Types of tokenizers

    /// Converts a WordPiece tokenizer. llama.cpp marks the tokens that begin a word; Hugging Face marks those that continue one.
    private mutating func convertWordPiece() {
        metadata += [("tokenizer.ggml.model", .string("bert")), ("tokenizer.ggml.pre", .string("bert"))]
        for index in entries.indices where entries[index].type == .normal {
            let text = entries[index].text
            entries[index].text = text.hasPrefix("##") ? String(text.dropFirst(2)) : "\u{2581}" + text
        }
        if let normalizer = tokenizer["normalizer"], normalizer["type"]?.stringValue == "BertNormalizer" {
            let lowercases = normalizer["lowercase"]?.boolValue ?? true
            metadata.append(("tokenizer.ggml.normalizer.lowercase", .bool(lowercases)))
            metadata.append(("tokenizer.ggml.normalizer.strip_accents", .bool(normalizer["strip_accents"]?.boolValue ?? lowercases)))
        }
    }

    private mutating func convertBytePairs() throws(FormatError) {
        metadata += [
            ("tokenizer.ggml.model", .string("gpt2")), ("tokenizer.ggml.pre", .string(try PreTokenizers.name(tokenizer["pre_tokenizer"]))),
            ("tokenizer.ggml.merges", .strings(try merges().map { "\($0) \($1)" })),
        ]
    }

    /// Converts byte pairs into SentencePiece's form: the earlier a merge, the higher the score of its result.
    private mutating func convertSentencePieces() throws(FormatError) {
        for (rank, merge) in try merges().enumerated() {
            guard let id = id(of: merge.0 + merge.1), entries[id].score == 0 else { continue }
            entries[id].score = -Float(rank + 1)
        }
        for index in entries.indices {
            let text = entries[index].text
            if text.utf8.count == 6, text.hasPrefix("<0x"), text.hasSuffix(">") { entries[index].type = .byte }
        }
        if let unknown = tokenizer["model"]?["unk_token"]?.stringValue, let id = id(of: unknown) { entries[id].type = .unknown }
        metadata += [
            ("tokenizer.ggml.model", .string("llama")), ("tokenizer.ggml.pre", .string("default")),
            ("tokenizer.ggml.scores", .floats(entries.map(\.score))),
            ("tokenizer.ggml.add_space_prefix", .bool(addsSpace)),
        ]
    }

    /// Whether the tokenizer adds a space before a text.
    private var addsSpace: Bool {
        let normalizer = tokenizer["normalizer"]
        let steps = normalizer?["normalizers"]?.arrayValue ?? normalizer.map { [$0] } ?? []
        if steps.contains(where: { $0["type"]?.stringValue == "Prepend" }) { return true }
        let scheme = tokenizer["pre_tokenizer"]?["prepend_scheme"]?.stringValue
        return scheme == "first" || scheme == "always"
    }

    /// Returns the merges. The file has each as an array of two texts, or as one text with a space between them.
    private func merges() throws(FormatError) -> [(String, String)] {
        var merges: [(String, String)] = []
        for merge in tokenizer["model"]?["merges"]?.arrayValue ?? [] {
            if let pair = merge.arrayValue, pair.count == 2, let first = pair[0].stringValue, let second = pair[1].stringValue {
                merges.append((first, second))
            } else if let text = merge.stringValue, let space = text.dropFirst().firstIndex(of: " ") {
                merges.append((String(text[..<space]), String(text[text.index(after: space)...])))
            } else {
                throw FormatError("tokenizer.json has a damaged merge")
            }
        }
        return merges
    }

    // MARK: Special tokens

    private mutating func addSpecialTokens() {
        let kinds = [
            ("bos_token", "bos"), ("eos_token", "eos"), ("unk_token", "unknown"), ("pad_token", "padding"), ("sep_token", "seperator"),
            ("cls_token", "cls"), ("mask_token", "mask"),
        ]
        for (key, name) in kinds {
            let text = config[key]?.stringValue ?? config[key]?["content"]?.stringValue
            if let text, let id = id(of: text) { metadata.append(("tokenizer.ggml.\(name)_token_id", .unsigned(id))) }
        }
        for (key, place) in [("add_bos_token", 0), ("add_eos_token", 1)] {
            let adds = config[key]?.boolValue ?? templateAdds(config[place == 0 ? "bos_token" : "eos_token"], isFirst: place == 0)
            if let adds { metadata.append(("tokenizer.ggml.\(key)", .bool(adds))) }
        }
    }

    /// Returns whether the tokenizer's template adds a token at the start of a text (`isFirst`) or at its end; nil if there is no template.
    private func templateAdds(_ token: JSON?, isFirst: Bool) -> Bool? {
        guard let text = token?.stringValue ?? token?["content"]?.stringValue else { return nil }
        let processor = tokenizer["post_processor"]
        let steps = processor?["processors"]?.arrayValue ?? processor.map { [$0] } ?? []
        guard let template = steps.first(where: { $0["type"]?.stringValue == "TemplateProcessing" })?["single"]?.arrayValue else { return nil }
        return (isFirst ? template.first : template.last)?["SpecialToken"]?["id"]?.stringValue == text
    }

    private mutating func addTemplate(_ folder: HubFolder) {
        let named = config["chat_template"]?.arrayValue?.first { $0["name"]?.stringValue == "default" }
        if let template = config["chat_template"]?.stringValue ?? named?["template"]?.stringValue ?? folder.text("chat_template.jinja") {
            metadata.append(("tokenizer.chat_template", .string(template)))
        }
    }
}
