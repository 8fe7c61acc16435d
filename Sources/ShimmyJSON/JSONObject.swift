// The members of a JSON object, in the order of the text.

/// An ordered dictionary from strings to JSON values.
///
/// A new key is appended, and a known key keeps its index. Reading and setting are O(1) for any number of members, so that a hostile body with
/// 100,000 keys costs no more than its length; removing is O(n).
package struct JSONObject: Sendable {
    /// The max number of members for a linear search, which is as fast as hashing up to here. Nearly every object is this small.
    private static let linearLimit = 8

    private var members: [(key: String, value: JSON)] = []
    /// The index of each key in `members`. Empty while there are at most `linearLimit` members.
    private var positions: [HashedKey: Int] = [:]

    package init() {}

    /// Creates an object. The last value of a repeated key wins, at the index of the first.
    init(_ elements: [(String, JSON)]) {
        for (key, value) in elements { self[key] = value }
    }

    package var count: Int { members.count }
    package var isEmpty: Bool { members.isEmpty }
    package var keys: [String] { members.map(\.key) }

    /// The value of a key; nil if it is absent. Setting nil removes the member; `.null` is a value like any other.
    package subscript(key: String) -> JSON? {
        get { position(of: key).map { members[$0].value } }
        set {
            switch (position(of: key), newValue) {
            case (let position?, let value?): members[position].value = value
            case (let position?, nil): remove(at: position)
            case (nil, let value?): append(key, value)
            case (nil, nil): break
            }
        }
    }

    private func position(of key: String) -> Int? {
        if positions.isEmpty { members.firstIndex { $0.key.hasSameBytes(as: key) } } else { positions[HashedKey(text: key)] }
    }

    private mutating func append(_ key: String, _ value: JSON) {
        members.append((key, value))
        if !positions.isEmpty {
            positions[HashedKey(text: key)] = members.count - 1
        } else if members.count > Self.linearLimit {
            buildPositions()
        }
    }

    private mutating func remove(at position: Int) {
        members.remove(at: position)
        positions = [:]
        if members.count > Self.linearLimit { buildPositions() }
    }

    private mutating func buildPositions() {
        for (position, member) in members.enumerated() { positions[HashedKey(text: member.key)] = position }
    }
}

extension JSONObject: Sequence {
    package func makeIterator() -> IndexingIterator<[(key: String, value: JSON)]> {
        members.makeIterator()
    }
}

extension JSONObject: Equatable {
    /// Compares the members in any order: order matters to people and prompts, but is not a part of the value.
    package static func == (left: JSONObject, right: JSONObject) -> Bool {
        left.count == right.count && left.allSatisfy { right[$0.key] == $0.value }
    }
}

extension JSONObject: ExpressibleByDictionaryLiteral {
    package init(dictionaryLiteral elements: (String, JSON)...) { self.init(elements) }
}

/// A key that is hashed and compared by its bytes, see `JSON`. This also avoids the cost of Unicode normalization for hostile keys.
private struct HashedKey: Hashable {
    let text: String

    static func == (left: HashedKey, right: HashedKey) -> Bool {
        left.text.hasSameBytes(as: right.text)
    }

    func hash(into hasher: inout Hasher) {
        var text = text
        text.withUTF8 { hasher.combine(bytes: UnsafeRawBufferPointer($0)) }
    }
}

extension String {
    func hasSameBytes(as other: String) -> Bool {
        utf8.count == other.utf8.count && utf8.elementsEqual(other.utf8)
    }
}
