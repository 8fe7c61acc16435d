/// Part of a program that reads members in any order (`UnorderedMembers`): which ones came is kept beside the place to return to.
struct MemberSet: Sendable {
    /// Where each member begins; -1 for one that no text fits.
    private(set) var bodies: [Int32]
    /// A bit for each member that has to come.
    let required: UInt64
    /// Where members begin that may be repeated when all that are required have come; -1 when there are none.
    private(set) var others: Int32
    /// Where the text between two members begins.
    let separator: Int32

    init(bodies: [Int32], required: UInt64, others: Int32, separator: Int32) {
        (self.bodies, self.required, self.others, self.separator) = (bodies, required, others, separator)
    }

    /// All places where a member begins.
    var starts: [Int32] { (bodies + [others]).filter { $0 >= 0 } }

    /// Whether another member may follow those that came.
    func hasMore(after seen: UInt64) -> Bool {
        others >= 0 || bodies.indices.contains { bodies[$0] >= 0 && seen >> UInt64($0) & 1 == 0 }
    }

    /// Whether all members can be completed that have to come.
    func isProductive(_ isKnown: (Int32) -> Bool) -> Bool {
        bodies.indices.allSatisfy { required >> UInt64($0) & 1 == 0 || isKnown(bodies[$0]) } && starts.contains(where: isKnown)
    }

    /// Without members that no text fits.
    func keeping(_ isKnown: (Int32) -> Bool) -> MemberSet {
        MemberSet(
            bodies: bodies.map { $0 >= 0 && isKnown($0) ? $0 : -1 }, required: required, others: others >= 0 && isKnown(others) ? others : -1,
            separator: separator)
    }
}
