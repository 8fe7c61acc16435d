import ShimmyJSON

/// A reader of the parameters in a URL's query. Its errors name them in the same way as errors about fields of a body.
package struct QueryReader {
    private let items: [(name: String, value: String)]

    /// - items: the decoded parameters in their order; one name can have several values.
    package init(_ items: [(name: String, value: String)]) { self.items = items }

    /// Throws a 400 for the first unknown name, because a client must know if its filter has no effect.
    /// - objects: the names of objects, whose members are given as `name[key]=value`.
    /// - lists: the names that may occur several times, as `name`, `name[]` or `name[0]`.
    package func check(_ names: [String], objects: [String] = [], lists: [String] = []) throws(APIError) {
        for (name, _) in items {
            let isKnown =
                names.contains(name) || objects.contains { Self.isMember(name, of: $0) }
                || lists.contains { name == $0 || Self.isMember(name, of: $0) }
            if !isKnown { throw Self.unknown(name, isObject: objects.contains(name)) }
        }
    }

    /// Returns the names other than `known`, for APIs that ignore unknown parameters.
    package func names(besides known: [String]) -> ReportedNames {
        var names = ReportedNames()
        for (name, _) in items where !known.contains(name) { names.append(name) }
        return names
    }

    private static func isMember(_ name: String, of object: String) -> Bool { name.hasPrefix(object + "[") && name.hasSuffix("]") }

    private static func unknown(_ name: String, isObject: Bool) -> APIError {
        if isObject {
            return APIError(
                status: 400, message: "Invalid '\(name)': write it as '\(name)[key]=value'.", param: name, code: "invalid_type")
        }
        return APIError(status: 400, message: "Unknown parameter: '\(name)'.", param: name, code: "unknown_parameter")
    }

    package func string(_ name: String) -> String? { items.last { $0.name == name }?.value }

    package func integer(_ name: String, in range: ClosedRange<Int>) throws(APIError) -> Int? {
        guard let text = string(name) else { return nil }
        guard let value = Int(text) else { throw Self.unreadable(name, text, range) }
        if value < range.lowerBound { throw .belowMinimum(.key(name), kind: "integer", minimum: "\(range.lowerBound)", got: text) }
        if value > range.upperBound { throw .aboveMaximum(.key(name), kind: "integer", maximum: "\(range.upperBound)", got: text) }
        return value
    }

    /// Returns the error for a text that is not an integer, or one with more digits than an `Int` has.
    private static func unreadable(_ name: String, _ text: String, _ range: ClosedRange<Int>) -> APIError {
        let digits = text.utf8.first == UInt8(ascii: "-") ? text.utf8.dropFirst() : text.utf8[...]
        guard !digits.isEmpty, digits.allSatisfy({ (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) }) else {
            return .wrongType(.key(name), expected: "an integer", got: .string(text))
        }
        if digits.count < text.utf8.count { return .belowMinimum(.key(name), kind: "integer", minimum: "\(range.lowerBound)", got: text) }
        return .aboveMaximum(.key(name), kind: "integer", maximum: "\(range.upperBound)", got: text)
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

    /// Returns all values of a name, which clients write as `name`, `name[]` or `name[0]`.
    package func list(_ name: String) -> [String] {
        items.filter { $0.name == name || Self.isMember($0.name, of: name) }.map(\.value)
    }

    /// Returns the members of an object that is written as `name[key]=value`.
    package func members(_ name: String) -> [(key: String, value: String)] {
        items.filter { Self.isMember($0.name, of: name) }
            .map { (String($0.name.dropFirst(name.count + 1).dropLast()), $0.value) }
    }
}
