package import ShimmyFormats

/// The final check of a model's files before llama.cpp loads them. The files may have changed since they were found.
package enum LoadCheck {
    /// Returns the headers of all of a model's files. Throws `FormatError` for a file that is invalid or would make llama.cpp abort the process.
    package static func headers(of files: [String]) throws(FormatError) -> [GGUFHeader] {
        var headers: [GGUFHeader] = []
        var vocabulary = TokenTexts()
        for file in files { headers.append(try GGUFHeader.read(path: file) { vocabulary.insert($0) }) }
        guard let first = headers.first else { return [] }
        if let obstacle = first.loadObstacle ?? headers.lazy.compactMap(\.tensorObstacle).first { throw FormatError(obstacle) }
        if let obstacle = vocabulary.obstacle(kind: first.metadata["tokenizer.ggml.model"]?.stringValue) { throw FormatError(obstacle) }
        return headers
    }
}

/// The texts of a vocabulary's tokens, to check llama.cpp's assumptions about them.
private struct TokenTexts {
    private var texts: Set<[UInt8]> = []
    private var count = 0
    private var twice: [UInt8]?
    /// The largest known vocabularies have a quarter of a million tokens; a sparse file can claim any number of empty ones.
    private static let most = 1 << 22

    /// Adds the text of the next token. llama.cpp gives names of its own to empty tokens, so this method does the same.
    mutating func insert(_ text: [UInt8]) {
        defer { count += 1 }
        guard count < Self.most else { return }
        let text = text.isEmpty ? Array("[EMPTY_\(count)]".utf8) : text
        if !texts.insert(text).inserted { twice = text }
    }

    func obstacle(kind: String?) -> String? {
        if count > Self.most { return "its vocabulary is too large: \(count) tokens" }
        if let twice { return "its vocabulary has the token \(String(decoding: twice, as: UTF8.self)) twice" }
        guard kind == "llama", count > 0 else { return nil }
        // SentencePiece falls back to tokens of single bytes, written as `<0x0A>` or as the byte itself.
        let missing = (UInt8.min ... .max).first { byte in
            let hex = String(byte, radix: 16, uppercase: true)
            return !texts.contains(Array("<0x\(hex.count == 1 ? "0" : "")\(hex)>".utf8)) && !texts.contains([byte])
        }
        return missing.map { "its vocabulary has no token for the byte \($0)" }
    }
}
