// Members of objects in any order, in a grammar's text, which GBNF does not have: `@members{path offset? limit? other*}`.
//
// Each part is a rule that describes one member, key and value. Plain ones have to be there once, `?` at most once; what the last one with `*`
// describes may come any number of times, once the plain ones have come. There is at least one member, and `, ` stands between them.

/// Members of an object that may come in any order.
struct UnorderedMembers: Sendable, Equatable {
    struct Member: Sendable, Equatable {
        let rule: String
        let isRequired: Bool
    }

    /// Members that are told apart: those that came are a bit each in the state of a text.
    static let maximumMembers = 64
    static let separator = Array(", ".utf8)

    /// Each may come once.
    var members: [Member]
    /// The rule of members that may come any number of times, once all have come that have to; nil when there are none. A model that begins with
    /// keys of its own may never come to those that are required.
    var others: String?

    var rules: [String] { members.map(\.rule) + (others.map { [$0] } ?? []) }

    /// As a grammar's text has it.
    var text: String {
        let parts = members.map { $0.rule + ($0.isRequired ? "" : "?") } + (others.map { [$0 + "*"] } ?? [])
        return "@members{" + parts.joined(separator: " ") + "}"
    }

    /// Whether there is a text, when these rules describe one.
    func isProductive(_ isKnown: (String) -> Bool) -> Bool {
        members.allSatisfy { !$0.isRequired || isKnown($0.rule) } && rules.contains(where: isKnown)
    }
}

extension GBNFParser {
    /// Reads the rest of `@members{…}`.
    mutating func unorderedMembers() throws(GrammarTextError) -> UnorderedMembers {
        var found = UnorderedMembers(members: [], others: nil)
        guard take("{") else { throw fail("a '{' is missing") }
        skipSpace()
        while next != "}" {
            if found.others != nil { throw fail("nothing follows a member that may be repeated") }
            let rule = try name()
            if take("*") {
                found.others = rule
            } else {
                found.members.append(.init(rule: rule, isRequired: !take("?")))
            }
            if found.members.count > UnorderedMembers.maximumMembers {
                throw fail("more than \(UnorderedMembers.maximumMembers) members can come in any order")
            }
            skipSpace()
        }
        guard take("}"), !found.rules.isEmpty else { throw fail("a member is missing") }
        return found
    }
}
