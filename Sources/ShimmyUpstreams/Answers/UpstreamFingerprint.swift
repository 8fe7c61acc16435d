import ShimmyCore
import ShimmyJSON

/// The values of `system_fingerprint` for models of upstreams: `fp_` and hexadecimal digits.
enum UpstreamFingerprint {
    private static let longest = 64

    /// Returns the fingerprint of an upstream's model, for a server that sends none of this form.
    static func of(_ upstream: String, model: String) -> String { "fp_" + FNVHash.of([upstream, model]).hexadecimal }

    /// Returns the fingerprint in a chunk or a completion; nil if it has none of this form.
    static func read(_ json: JSON?) -> String? {
        guard let text = json?.stringValue, (4...longest).contains(text.utf8.count), text.utf8.starts(with: "fp_".utf8) else { return nil }
        return text.utf8.dropFirst(3).allSatisfy { (0x30...0x39).contains($0) || (0x61...0x66).contains($0) } ? text : nil
    }
}
