/// A part of a program that reads members in any order (`UnorderedMembers`). The stack frame records the members that the text has so far.
struct MemberSet: Sendable {
    /// The first node of each member; -1 for a member that no text fits.
    private(set) var bodies: [Int32]
    /// The required members, one bit each.
    let required: UInt64
    /// The first node of the members that may repeat once all required ones are present; -1 when there are none.
    private(set) var others: Int32
    /// The first node of the separator between two members.
    let separator: Int32

    init(bodies: [Int32], required: UInt64, others: Int32, separator: Int32) {
        (self.bodies, self.required, self.others, self.separator) = (bodies, required, others, separator)
    }

    /// The first nodes of all members.
    var starts: [Int32] { (bodies + [others]).filter { $0 >= 0 } }

    /// Whether another member may follow the members in `seen`.
    func hasMore(after seen: UInt64) -> Bool {
        others >= 0 || bodies.indices.contains { bodies[$0] >= 0 && seen >> UInt64($0) & 1 == 0 }
    }

    /// Whether all required members, and at least one member, can be completed.
    func isProductive(_ isKnown: (Int32) -> Bool) -> Bool {
        bodies.indices.allSatisfy { required >> UInt64($0) & 1 == 0 || isKnown(bodies[$0]) } && starts.contains(where: isKnown)
    }

    /// Returns the set without members that no text fits.
    func keeping(_ isKnown: (Int32) -> Bool) -> MemberSet {
        MemberSet(
            bodies: bodies.map { $0 >= 0 && isKnown($0) ? $0 : -1 }, required: required, others: others >= 0 && isKnown(others) ? others : -1,
            separator: separator)
    }
}
