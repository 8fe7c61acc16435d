/// The amounts of the last minute, in slots of a second: a sliding window.
///
/// An amount leaves the window when its whole second is older than a minute, so that the amounts of any 60 seconds are never more than the window
/// contains.
struct MinuteWindow: Sendable, Equatable {
    private static let slotCount = 61

    private var slots = [Int](repeating: 0, count: slotCount)
    /// The second of the newest slot.
    private var newest = 0
    private(set) var total = 0

    /// Drops the amounts that are too old at a time.
    mutating func advance(to second: Int) {
        guard second > newest else { return }
        let steps = min(second - newest, Self.slotCount)
        for next in (second - steps + 1)...second {
            total -= slots[Self.index(next)]
            slots[Self.index(next)] = 0
        }
        newest = second
    }

    /// Adds an amount to the newest second.
    mutating func add(_ amount: Int) {
        slots[Self.index(newest)] += amount
        total += amount
    }

    /// Removes an amount that was added at a second. Does nothing if it has left the window.
    mutating func remove(_ amount: Int, addedAt second: Int) {
        guard newest - second < Self.slotCount else { return }
        let removed = min(amount, slots[Self.index(second)])
        slots[Self.index(second)] -= removed
        total -= removed
    }

    /// Returns the milliseconds until the window contains at most `most`, if nothing is added.
    /// - now: the time in milliseconds.
    func wait(until most: Int, now: Int) -> Int {
        var rest = total
        var second = newest - Self.slotCount + 1
        if rest <= most { return 0 }
        while second <= newest {
            rest -= slots[Self.index(second)]
            if rest <= most { break }
            second += 1
        }
        return max(1, (second + Self.slotCount) * 1000 - now)
    }

    private static func index(_ second: Int) -> Int {
        let rest = second % slotCount
        return rest < 0 ? rest + slotCount : rest
    }
}
