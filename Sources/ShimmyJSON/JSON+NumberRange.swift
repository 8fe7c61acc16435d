extension JSON {
    /// The first number in the value that exceeds the range of double-precision numbers, which most JSON readers refuse; nil if there is none.
    package var numberBeyondDouble: JSONNumber? {
        // A loop, because the depth of the value is the client's choice.
        var rest = [self]
        while let value = rest.popLast() {
            switch value {
            case .number(let number): if !number.double.isFinite { return number }
            case .array(let elements): rest += elements
            case .object(let members): for member in members { rest.append(member.value) }
            case .null, .bool, .string: continue
            }
        }
        return nil
    }
}
