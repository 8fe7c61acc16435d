import ShimmyJSON

/// Reads the items of a URL's query; refusals name them as those of a body do.
package struct QueryReader {
    private let items: [(name: String, value: String)]

    /// - items: decoded, in their order; one name can have several values.
    package init(_ items: [(name: String, value: String)]) { self.items = items }

    package func string(_ name: String) -> String? { items.last { $0.name == name }?.value }

    package func integer(_ name: String, in range: ClosedRange<Int>) throws(APIError) -> Int? {
        guard let text = string(name) else { return nil }
        guard let value = Int(text) else { throw .wrongType(.key(name), expected: "an integer", got: .string(text)) }
        if value < range.lowerBound { throw .belowMinimum(.key(name), kind: "integer", minimum: "\(range.lowerBound)", got: text) }
        if value > range.upperBound { throw .aboveMaximum(.key(name), kind: "integer", maximum: "\(range.upperBound)", got: text) }
        return value
    }

    package func bool(_ name: String) throws(APIError) -> Bool? {
        guard let text = string(name) else { return nil }
        switch text {
        case "true", "1": return true
        case "false", "0": return false
        default: throw .wrongType(.key(name), expected: "a boolean", got: .string(text))
        }
    }

    package func choice<Value: RawRepresentable & CaseIterable>(_ name: String, as: Value.Type) throws(APIError) -> Value?
    where Value.RawValue == String {
        guard let text = string(name) else { return nil }
        guard let value = Value(rawValue: text) else { throw .invalidValue(.key(name), text, supported: Value.allCases.map(\.rawValue)) }
        return value
    }

    /// All values of a name, which clients write as `name`, `name[]` or `name[0]`.
    package func list(_ name: String) -> [String] {
        items.filter { $0.name == name || ($0.name.hasPrefix(name + "[") && $0.name.hasSuffix("]")) }.map(\.value)
    }

    /// The members of an object that is written as `name[key]=value`.
    package func members(_ name: String) -> [(key: String, value: String)] {
        items.filter { $0.name.hasPrefix(name + "[") && $0.name.hasSuffix("]") }
            .map { (String($0.name.dropFirst(name.count + 1).dropLast()), $0.value) }
    }
}
