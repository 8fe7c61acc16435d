/// The places of an engine's bounded queue, including those of running sequences.
///
/// Some places are reserved for owners that have nothing in the queue. An owner that sends without end is refused while others still get in, so
/// that fair shares can take effect.
package struct QueuePlaces: Sendable {
    private var taken: [Owner: Int] = [:]
    private var total = 0

    package init() {}

    /// Returns how many of `waiting` places in the queue are reserved.
    package static func kept(of waiting: Int) -> Int { waiting / 4 }

    package var isEmpty: Bool { total == 0 }
    /// The number of taken places.
    package var count: Int { total }

    /// Takes `count` places for an owner, all or none. Returns the number of missing places; 0 on success.
    /// - limit: the number of all places.
    /// - kept: how many of them are reserved for owners without a place.
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
