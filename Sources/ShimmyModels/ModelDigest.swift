import Crypto
import ShimmyCore
import ShimmyJSON

extension ModelRecord {
    /// 64 hexadecimal digits that identify the version of the model: the digest of the manifest for Ollama's own models, and a hash of properties of
    /// the files for others, because reading all weights would take too long. The names of files and folders do not matter.
    package var digest: String {
        if let creation, !(base == nil && creation.hasNoSettings) { return Self.hash([fileDigest, creation.json.text]) }
        return base == nil ? fileDigest : Self.hash([fileDigest, id])
    }

    private var fileDigest: String {
        if let upstream { return Self.hash(["upstream", upstream.key]) }
        return manifest?.digest
            ?? Self.hash([
                architecture ?? "", "\(parameterCount ?? 0)", quantization ?? "", "\(contextLength ?? 0)", "\(sizeBytes)", "\(modified)",
            ])
    }

    private static func hash(_ facts: [String]) -> String { SHA256.hash(data: Array(facts.joined(separator: "\u{1f}").utf8)).hexadecimal }
}
