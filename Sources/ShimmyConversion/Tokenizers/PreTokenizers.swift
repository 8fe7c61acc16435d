import ShimmyFormats
import ShimmyJSON

/// The names of llama.cpp's pre-tokenizers. llama.cpp identifies by name how a byte-pair tokenizer splits a text into words; Hugging Face's files
/// contain regular expressions.
enum PreTokenizers {
    private static let byRegex: [String: String] = [
        #"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"#: "llama-bpe",
        #"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"#: "qwen2",
        #"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+|[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+"#:
            "tekken",
    ]

    static func name(_ preTokenizer: JSON?) throws(FormatError) -> String {
        let steps = preTokenizer?["pretokenizers"]?.arrayValue ?? preTokenizer.map { [$0] } ?? []
        let kinds = steps.compactMap { $0["type"]?.stringValue }
        if kinds == ["ByteLevel"] { return "gpt-2" }
        if kinds == ["Digits", "ByteLevel"], steps[0]["individual_digits"]?.boolValue == true { return "smollm" }
        let expressions = steps.compactMap { $0["pattern"]?["Regex"]?.stringValue }
        if kinds == ["Split", "ByteLevel"], expressions.count == 1, let name = byRegex[expressions[0]] { return name }
        throw FormatError("the pre-tokenizer in tokenizer.json is not supported: \((preTokenizer ?? .null).text)")
    }
}
