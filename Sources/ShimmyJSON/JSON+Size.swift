extension JSON {
    /// Returns whether the value has more than `most` values, itself and nested ones included.
    package func hasMoreValues(than most: Int) -> Bool {
        // A loop, because the depth of the value is the client's choice.
        var (rest, count) = ([self], 0)
        while let value = rest.popLast() {
            count += 1
            if count > most { return true }
            switch value {
            case .array(let elements): rest += elements
            case .object(let members): for member in members { rest.append(member.value) }
            case .null, .bool, .number, .string: continue
            }
        }
        return false
    }
}
