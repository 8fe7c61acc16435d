/// Admission to an engine's bounded queue. It counts the sequences that were admitted and have not ended, including running ones.
///
/// A part of the queue is reserved for owners that have nothing in it. An owner that sends without end is refused while others still get in, so
/// that fair shares can take effect.
package struct QueueAdmission: Sendable {
    private var admitted: [Owner: Int] = [:]
    /// The number of sequences in the queue.
    package private(set) var count = 0

    package init() {}

    /// Returns how many sequences of a queue of `length` are reserved.
    package static func reserved(of length: Int) -> Int { length / 4 }

    /// The sequences in the queue by the names of their owners.
    package var byOwner: [String: Int] { Dictionary(admitted.map { ($0.key.name, $0.value) }, uniquingKeysWith: +) }

    package var isEmpty: Bool { count == 0 }

    /// Admits `number` sequences of an owner, all or none. Returns how many of them have no room; 0 on success.
    /// - limit: the max number of sequences in the queue.
    /// - reserved: how many of them are reserved for owners that have nothing in the queue.
    package mutating func admit(_ number: Int, of owner: Owner, limit: Int, reserved: Int) -> Int {
        let room = admitted[owner] == nil ? limit : limit - reserved
        let missing = max(0, count + number - room)
        guard missing == 0 else { return missing }
        count += number
        admitted[owner, default: 0] += number
        return 0
    }

    /// Removes `number` ended sequences of an owner.
    package mutating func release(_ number: Int, of owner: Owner) {
        count -= number
        let remaining = admitted[owner, default: 0] - number
        admitted[owner] = remaining > 0 ? remaining : nil
    }
}
