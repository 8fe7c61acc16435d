// JSON that keeps key order and number precision, with paths for error messages. This target does not depend on HTTP or on any API.

/// One JSON value.
///
/// Strings and keys are equal if their bytes are equal (RFC 8259, section 8.3). Swift's own `==` treats "é" and "e" + U+0301 as equal, and so would
/// lose one of two keys that a client distinguishes.
package enum JSON: Sendable, Equatable {
    case null
    case bool(Bool)
    case number(JSONNumber)
    case string(String)
    case array([JSON])
    case object(JSONObject)

    package static func int(_ value: Int) -> JSON {
        .number(JSONNumber(value))
    }

    /// Returns a number. NaN and the infinities become `null`, as in JavaScript, because JSON cannot express them.
    package static func double(_ value: Double) -> JSON {
        value.isFinite ? .number(JSONNumber(value)) : .null
    }

    package static func == (left: JSON, right: JSON) -> Bool {
        switch (left, right) {
        case (.null, .null): true
        case (.bool(let left), .bool(let right)): left == right
        case (.number(let left), .number(let right)): left == right
        case (.string(let left), .string(let right)): left.hasSameBytes(as: right)
        case (.array(let left), .array(let right)): left == right
        case (.object(let left), .object(let right)): left == right
        default: false
        }
    }
}

// MARK: - Reading

extension JSON {
    package var isNull: Bool {
        if case .null = self { true } else { false }
    }

    package var boolValue: Bool? {
        if case .bool(let value) = self { value } else { nil }
    }

    package var stringValue: String? {
        if case .string(let value) = self { value } else { nil }
    }

    package var arrayValue: [JSON]? {
        if case .array(let value) = self { value } else { nil }
    }

    package var objectValue: JSONObject? {
        if case .object(let value) = self { value } else { nil }
    }

    /// The exact integer, also for `100.0` and `1e2`. Nil for other values, and for an integer outside the range of `Int`.
    package var intValue: Int? {
        guard case .number(let number) = self, let value = number.int64 else { return nil }
        return Int(exactly: value)
    }

    /// The nearest double, also for integers. Nil for other values, and for a number outside the range of `Double`, so that the result is never
    /// infinite.
    package var doubleValue: Double? {
        guard case .number(let number) = self else { return nil }
        let value = number.double
        return value.isFinite ? value : nil
    }

    /// Returns the member of an object; nil if it is absent or if this is not an object.
    package subscript(key: String) -> JSON? {
        objectValue?[key]
    }

    /// Returns the element of an array; nil if it is absent or if this is not an array.
    package subscript(index: Int) -> JSON? {
        guard case .array(let elements) = self, elements.indices.contains(index) else { return nil }
        return elements[index]
    }

    /// The kind of value in OpenAI's words, for messages such as "expected an integer, but got …".
    ///
    /// An integral number is "an integer" in any notation (`1.0`) and of any size.
    package var kind: String {
        switch self {
        case .null: "null"
        case .bool: "a boolean"
        case .number(let number): number.isInteger ? "an integer" : "a decimal"
        case .string: "a string"
        case .array: "an array"
        case .object: "an object"
        }
    }
}

// MARK: - Literals

// There is no nil literal, because in `condition ? nil : json` it would create a JSON null where an absent value is meant.

extension JSON: ExpressibleByBooleanLiteral {
    package init(booleanLiteral value: Bool) { self = .bool(value) }
}

extension JSON: ExpressibleByIntegerLiteral {
    package init(integerLiteral value: Int64) { self = .number(JSONNumber(value)) }
}

extension JSON: ExpressibleByFloatLiteral {
    package init(floatLiteral value: Double) { self = .double(value) }
}

extension JSON: ExpressibleByStringLiteral {
    package init(stringLiteral value: String) { self = .string(value) }
}

extension JSON: ExpressibleByArrayLiteral {
    package init(arrayLiteral elements: JSON...) { self = .array(elements) }
}

extension JSON: ExpressibleByDictionaryLiteral {
    package init(dictionaryLiteral elements: (String, JSON)...) { self = .object(JSONObject(elements)) }
}
