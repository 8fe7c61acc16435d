/// The first line of Claude Code's system prompt: `x-anthropic-billing-header: cc_version=2.1.0; cc_entrypoint=cli; cch=1f2e3;`.
///
/// The value of `cch` differs in each request. It is at the beginning of the prompt, so that no prefix of an earlier prompt could be reused.
enum BillingHeader {
    private static let name = "x-anthropic-billing-header:"
    private static let key = "cch="
    private static let constant = "00000"

    /// Returns a system text with a constant in place of the value that changes. Other texts are returned unchanged.
    static func stabilized(_ text: String) -> String {
        guard text.utf8.starts(with: name.utf8) else { return text }
        let line = text[..<(text.utf8.firstIndex(of: UInt8(ascii: "\n")) ?? text.endIndex)]
        guard let found = line.firstRange(of: key) else { return text }
        let value = line[found.upperBound...].prefix { $0 != ";" && !$0.isWhitespace }
        return "\(text[..<found.upperBound])\(constant)\(text[value.endIndex...])"
    }
}
