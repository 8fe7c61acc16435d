import Crypto
import ShimmyJSON

enum HexDigest {
    /// Returns the SHA-256 of bytes in hexadecimal.
    static func sha256(_ bytes: [UInt8]) -> String {
        SHA256.hash(data: bytes).map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
    }
}

extension ModelRecord {
    /// 64 hexadecimal digits that identify the version of the model: the digest of the manifest for Ollama's own models, and a hash of properties of
    /// the files for others, because reading all weights would take too long. The names of files and folders do not matter.
    package var digest: String {
        if let creation { return Self.hash([fileDigest, creation.json.text]) }
        return base == nil ? fileDigest : Self.hash([fileDigest, id])
    }

    private var fileDigest: String {
        manifest?.digest
            ?? Self.hash([
                architecture ?? "", "\(parameterCount ?? 0)", quantization ?? "", "\(contextLength ?? 0)", "\(sizeBytes)", "\(modified)",
            ])
    }

    private static func hash(_ facts: [String]) -> String { HexDigest.sha256(Array(facts.joined(separator: "\u{1f}").utf8)) }
}
