import ShimmyChat
import ShimmyJSON

/// A record of the fields that a decoder reads, so that a test can compare the compatibility table with the decoder.
package final class FieldRecorder {
    /// The paths of the fields, without indices, such as `messages[].role`.
    package private(set) var fields: Set<String> = []

    package init() {}

    fileprivate func note(_ path: String) { fields.insert(path) }
}

/// A reader of the fields of one JSON object as typed values. Every error names the field by its path. An explicit null counts as an absent field,
/// because several official clients send nulls.
struct FieldReader {
    let object: JSONObject
    let path: JSONPath
    /// The kinds of media that the model of the request reads. Decoders refuse all others.
    let media: MediaKinds
    private let recorder: FieldRecorder?

    init(_ json: JSON, path: JSONPath, media: MediaKinds = .none, recorder: FieldRecorder? = nil) throws(APIError) {
        guard let object = json.objectValue else { throw .wrongType(path, expected: "an object", got: json) }
        self.object = object
        self.path = path
        self.media = media
        self.recorder = recorder
    }

    func path(to name: String) -> JSONPath { path.key(name) }

    /// Returns the field's value; nil if it is absent or null.
    func value(_ name: String) -> JSON? {
        recorder?.note(Self.withoutIndices("\(path(to: name))"))
        guard let value = object[name], !value.isNull else { return nil }
        return value
    }

    func required(_ name: String) throws(APIError) -> JSON {
        guard let value = value(name) else { throw .missing(path(to: name)) }
        return value
    }

    func string(_ name: String) throws(APIError) -> String? {
        guard let value = value(name) else { return nil }
        guard let string = value.stringValue else { throw .wrongType(path(to: name), expected: "a string", got: value) }
        return string
    }

    func requiredString(_ name: String) throws(APIError) -> String {
        guard let string = try string(name) else { throw .missing(path(to: name)) }
        return string
    }

    /// Returns the elements of an array of objects; none if the field is absent. Does not check that they are objects.
    func objects(_ name: String, most: Int = .max) throws(APIError) -> [JSON] {
        guard let value = value(name) else { return [] }
        guard let array = value.arrayValue else { throw .wrongType(path(to: name), expected: "an array of objects", got: value) }
        if array.count > most { throw .arrayTooLong(path(to: name), maximum: most, got: array.count) }
        return array
    }

    /// Returns the texts of an array.
    /// - expected: the values that the field may have, for the error about a value that is not an array.
    static func strings(
        in value: JSON, at path: JSONPath, most: Int = .max, expected: String = "an array of strings"
    ) throws(APIError) -> [String] {
        guard let elements = value.arrayValue else { throw .wrongType(path, expected: expected, got: value) }
        if elements.count > most { throw .arrayTooLong(path, maximum: most, got: elements.count) }
        var strings: [String] = []
        for (index, element) in elements.enumerated() {
            guard let string = element.stringValue else { throw .wrongType(path.index(index), expected: "a string", got: element) }
            strings.append(string)
        }
        return strings
    }

    func bool(_ name: String) throws(APIError) -> Bool? {
        guard let value = value(name) else { return nil }
        guard let bool = value.boolValue else { throw .wrongType(path(to: name), expected: "a boolean", got: value) }
        return bool
    }

    /// Returns an integer; nil if the field is absent. `100.0` is an integer, `"100"` is not.
    func integer(_ name: String, in range: ClosedRange<Int64>) throws(APIError) -> Int64? {
        guard let value = value(name) else { return nil }
        guard case .number(let number) = value, number.isInteger else {
            throw .wrongType(path(to: name), expected: "an integer", got: value)
        }
        guard let integer = number.int64 else {
            if number.double < 0 { throw belowMinimum(name, "integer", "\(range.lowerBound)", number.literal) }
            throw aboveMaximum(name, "integer", "\(range.upperBound)", number.literal)
        }
        if integer < range.lowerBound { throw belowMinimum(name, "integer", "\(range.lowerBound)", number.literal) }
        if integer > range.upperBound { throw aboveMaximum(name, "integer", "\(range.upperBound)", number.literal) }
        return integer
    }

    func decimal(_ name: String, in range: ClosedRange<Double>) throws(APIError) -> Double? {
        guard let value = value(name) else { return nil }
        guard case .number(let number) = value else { throw .wrongType(path(to: name), expected: "a decimal", got: value) }
        if number.double < range.lowerBound { throw belowMinimum(name, "decimal", short(range.lowerBound), number.literal) }
        if number.double > range.upperBound { throw aboveMaximum(name, "decimal", short(range.upperBound), number.literal) }
        return number.double
    }

    func choice<Value: RawRepresentable & CaseIterable>(_ name: String, as: Value.Type) throws(APIError) -> Value
    where Value.RawValue == String {
        let text = try requiredString(name)
        guard let value = Value(rawValue: text) else {
            throw .invalidValue(path(to: name), text, supported: Value.allCases.map(\.rawValue))
        }
        return value
    }

    /// Returns a reader for a nested object; nil if it is absent.
    func nested(_ name: String) throws(APIError) -> FieldReader? {
        guard let value = value(name) else { return nil }
        return try FieldReader(value, path: path(to: name), media: media, recorder: recorder)
    }

    /// Returns a reader for an element of an array that `value` or `required` returned.
    func element(_ json: JSON, of name: String, at index: Int) throws(APIError) -> FieldReader {
        try FieldReader(json, path: path(to: name).index(index), media: media, recorder: recorder)
    }

    private func belowMinimum(_ name: String, _ kind: String, _ minimum: String, _ got: String) -> APIError {
        .belowMinimum(path(to: name), kind: kind, minimum: minimum, got: got)
    }

    private func aboveMaximum(_ name: String, _ kind: String, _ maximum: String, _ got: String) -> APIError {
        .aboveMaximum(path(to: name), kind: kind, maximum: maximum, got: got)
    }

    private func short(_ bound: Double) -> String { bound == bound.rounded() ? "\(Int(bound))" : "\(bound)" }

    private static func withoutIndices(_ path: String) -> String {
        var result = ""
        var inside = false
        for character in path {
            if character == "]" { inside = false }
            if !inside { result.append(character) }
            if character == "[" { inside = true }
        }
        return result
    }
}
