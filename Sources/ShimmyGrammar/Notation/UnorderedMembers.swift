// The notation of object members in any order, an extension of GBNF: `@members{path offset? limit? other*}`.
//
// Each part names a rule that matches one member, key and value. A plain member must occur once, a member with `?` at most once. The last part may
// have a `*`: its members may occur any number of times after all plain members have occurred. There is at least one member; `, ` separates members.

/// The members of an object in any order.
struct UnorderedMembers: Sendable, Hashable {
    struct Member: Sendable, Hashable {
        let rule: String
        let isRequired: Bool
    }

    /// The max number of named members, because a state has one bit for each of them.
    static let maximumMembers = 64
    static let separator = Array(", ".utf8)

    /// The named members; each may occur at most once.
    var members: [Member]
    /// The rule of members that may occur any number of times after all required members; nil when there are none. They have to follow the required
    /// members, because a model that begins with keys of its own may never write the required ones.
    var others: String?

    var rules: [String] { members.map(\.rule) + (others.map { [$0] } ?? []) }

    /// Returns the members with a prefix before the names of their rules.
    func prefixingRules(with prefix: String) -> UnorderedMembers {
        UnorderedMembers(members: members.map { Member(rule: prefix + $0.rule, isRequired: $0.isRequired) }, others: others.map { prefix + $0 })
    }

    /// The members in the notation of a grammar's text.
    var text: String {
        let parts = members.map { $0.rule + ($0.isRequired ? "" : "?") } + (others.map { [$0 + "*"] } ?? [])
        return "@members{" + parts.joined(separator: " ") + "}"
    }

    /// Whether a text fits the members, given the rules that texts fit.
    func isProductive(_ isKnown: (String) -> Bool) -> Bool {
        members.allSatisfy { !$0.isRequired || isKnown($0.rule) } && rules.contains(where: isKnown)
    }
}

extension GBNFParser {
    /// Parses the rest of `@members{…}`.
    mutating func unorderedMembers() throws(GrammarTextError) -> UnorderedMembers {
        var found = UnorderedMembers(members: [], others: nil)
        guard take("{") else { throw fail("a '{' is missing") }
        skipSpace()
        while next != "}" {
            if found.others != nil { throw fail("a member that can be repeated must be the last one") }
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
