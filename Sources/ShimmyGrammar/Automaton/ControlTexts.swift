/// The texts of the control tokens that the literals of a grammar may contain. A grammar names few of a vocabulary's control tokens, and a literal is
/// searched for them in one pass.
struct ControlTexts {
    /// The texts by their first two bytes, the longest first.
    private var texts: [UInt16: [[UInt8]]] = [:]

    /// - controls: the texts of the vocabulary's control tokens. Those of one byte are never searched for.
    /// - literals: all literals of the grammar.
    init(_ controls: [String], in literals: some Sequence<[UInt8]>) {
        if controls.isEmpty { return }
        var pairs: Set<UInt16> = []
        for literal in literals { for index in literal.indices.dropLast() { pairs.insert(Self.pair(literal, index)) } }
        for text in controls.map({ Array($0.utf8) }) where text.count > 1 && pairs.contains(Self.pair(text, 0)) {
            texts[Self.pair(text, 0), default: []].append(text)
        }
        for pair in texts.keys { texts[pair]?.sort { $0.count > $1.count } }
    }

    private static func pair(_ bytes: [UInt8], _ index: Int) -> UInt16 { UInt16(bytes[index]) << 8 | UInt16(bytes[index + 1]) }

    func contains(_ text: String) -> Bool {
        let bytes = Array(text.utf8)
        return bytes.count > 1 && texts[Self.pair(bytes, 0)]?.contains(bytes) ?? false
    }

    /// Returns the longest control token's text at an index of a literal; nil if there is none.
    func longest(in literal: [UInt8], at index: Int) -> [UInt8]? {
        guard !texts.isEmpty, index + 1 < literal.count else { return nil }
        return texts[Self.pair(literal, index)]?.first { literal[index...].starts(with: $0) }
    }

    /// Whether a literal contains the text of a control token.
    func occur(in literal: [UInt8]) -> Bool {
        !texts.isEmpty && literal.indices.contains { longest(in: literal, at: $0) != nil }
    }
}
