/// The places of an engine's bounded queue, those of running sequences among them.
///
/// Some are kept for owners that have nothing in the queue: one that sends without end is refused while the others still get in, and fair
/// shares can do their work.
package struct QueuePlaces: Sendable {
    private var taken: [Owner: Int] = [:]
    private var total = 0

    package init() {}

    /// How many of so many places that wait are kept.
    package static func kept(of waiting: Int) -> Int { waiting / 4 }

    package var isEmpty: Bool { total == 0 }
    /// Places that are taken.
    package var count: Int { total }

    /// Takes places for an owner, all or none; returns how many were missing.
    /// - limit: places altogether.
    /// - kept: how many of them are for owners that have none.
    package mutating func take(_ count: Int, for owner: Owner, limit: Int, kept: Int) -> Int {
        let room = taken[owner] == nil ? limit : limit - kept
        let missing = max(0, total + count - room)
        guard missing == 0 else { return missing }
        total += count
        taken[owner, default: 0] += count
        return 0
    }

    package mutating func giveBack(_ count: Int, of owner: Owner) {
        total -= count
        let left = taken[owner, default: 0] - count
        taken[owner] = left > 0 ? left : nil
    }
}
