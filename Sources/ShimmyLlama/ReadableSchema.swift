import ShimmyJSON

/// Converts JSON Schemas to a form that llama.cpp can read. llama.cpp makes an unused grammar from them and rejects features that it does not
/// support: some references, `true` in place of a schema, many regular expressions. Shimmy's own grammar enforces the complete schema
/// (`HeldSchemas`).
///
/// Templates may write schemas into the prompt. Each unsupported keyword therefore gets a suffix, which is removed from the prompt again. `true` and
/// `false` become equivalent schemas.
enum ReadableSchema {
    /// U+FDD2 is a Unicode noncharacter, which no text uses.
    private static let (suffix, escapedSuffix) = (String(Character(Unicode.Scalar(0xFDD2)!)), #"\ufdd2"#)

    /// The maximum number of properties in one object. The `properties` of larger objects are hidden from llama.cpp.
    private static let mostProperties = 100
    private static let types: Set<String> = ["object", "array", "string", "integer", "number", "boolean", "null"]
    private static let counts: Set<String> = ["minLength", "maxLength", "minItems", "maxItems"]
    private static let bounds: Set<String> = ["minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum"]
    private static let maps: Set<String> = ["properties", "$defs", "definitions"]
    private static let lists: Set<String> = ["anyOf", "oneOf", "allOf"]
    private static let keywords =
        counts.union(bounds).union(maps).union(lists).union([
            "$ref", "type", "enum", "format", "pattern", "items", "prefixItems", "additionalProperties",
        ]).sorted()

    /// Returns the tools with readable schemas of their arguments.
    static func tools(_ tools: [JSON]) -> JSON {
        .array(
            tools.map { tool in
                guard var object = tool.objectValue, var function = object["function"]?.objectValue, let parameters = function["parameters"] else {
                    return tool
                }
                function["parameters"] = schema(parameters)
                object["function"] = .object(function)
                return .object(object)
            })
    }

    static func schema(_ json: JSON) -> JSON {
        let readable = withoutReferences(json)
        return withReferences(readable, root: readable)
    }

    static func restored(in prompt: String) -> String {
        let bytes = Array(prompt.utf8)
        let suffixes = [Array(suffix.utf8), Array(escapedSuffix.utf8)]
        let keywords = keywords.map { Array($0.utf8) }
        var restored: [UInt8] = []
        restored.reserveCapacity(bytes.count)
        var index = 0
        while index < bytes.count {
            let found = suffixes.first { $0[0] == bytes[index] && bytes[index...].starts(with: $0) }
            if let found, keywords.contains(where: { restored.suffix($0.count).elementsEqual($0) }) {
                index += found.count
            } else {
                restored.append(bytes[index])
                index += 1
            }
        }
        return restored.count == bytes.count ? prompt : String(decoding: restored, as: UTF8.self)
    }

    // MARK: Keywords

    /// Hides all unsupported keywords except references. The recursion is bounded by the maximum depth of a request's JSON.
    private static func withoutReferences(_ json: JSON) -> JSON {
        switch json {
        case .bool(let isOpen): return isOpen ? [:] : ["not": [:]]
        case .object(let object):
            var result = JSONObject()
            // The size of llama.cpp's grammar grows with the square of the number of optional properties.
            let hidesProperties = object["type"] == "object" && object["properties"]?.objectValue?.count ?? 0 > mostProperties
            for (key, value) in object {
                let isHidden = hidesProperties && key == "properties"
                if !isHidden, let readable = member(key, value) { result[key] = readable } else { result[key + suffix] = value }
            }
            return .object(result)
        default: return [:]
        }
    }

    /// Returns the value of a keyword in a form that llama.cpp can read; nil if the keyword must be hidden.
    private static func member(_ key: String, _ value: JSON) -> JSON? {
        switch key {
        case "pattern": return value.stringValue == nil ? value : nil
        case "type":
            let names = value.arrayValue?.map(\.stringValue) ?? [value.stringValue]
            return !names.isEmpty && names.allSatisfy({ $0.map(types.contains) ?? false }) ? value : nil
        case "enum": return value.arrayValue?.isEmpty == false ? value : nil
        case "format": return value.stringValue == nil ? nil : value
        case "items", "prefixItems":
            if let elements = value.arrayValue { return .array(elements.map(withoutReferences)) }
            return isSchema(value) ? withoutReferences(value) : nil
        case "additionalProperties": return value.boolValue == nil ? (isSchema(value) ? withoutReferences(value) : nil) : value
        case _ where counts.contains(key):
            guard case .number = value, let count = value.intValue, (0...Int(Int32.max)).contains(count), value.text == "\(count)" else { return nil }
            return value
        case _ where bounds.contains(key): return value.doubleValue.map { abs($0) < 9e18 } == true ? value : nil
        case _ where maps.contains(key):
            guard let members = value.objectValue else { return nil }
            return .object(members.reduce(into: JSONObject()) { $0[$1.key] = withoutReferences($1.value) })
        case _ where lists.contains(key):
            guard let elements = value.arrayValue, !elements.isEmpty else { return nil }
            return .array(elements.map(withoutReferences))
        default: return value
        }
    }

    private static func isSchema(_ json: JSON) -> Bool { json.objectValue != nil || json.boolValue != nil }

    // MARK: References

    /// Hides the references that llama.cpp cannot resolve.
    /// - root: the schema at which references start.
    private static func withReferences(_ json: JSON, root: JSON) -> JSON {
        switch json {
        case .array(let elements): return .array(elements.map { withReferences($0, root: root) })
        case .object(let object):
            var result = JSONObject()
            for (key, value) in object {
                if key == "$ref", !resolves(value, root) { result[key + suffix] = value } else { result[key] = withReferences(value, root: root) }
            }
            return .object(result)
        default: return json
        }
    }

    /// Returns whether llama.cpp resolves the reference to a schema. It reads the components of a path literally.
    private static func resolves(_ reference: JSON, _ root: JSON) -> Bool {
        // A property may be named "$ref".
        guard let text = reference.stringValue else { return reference.objectValue != nil }
        guard text.hasPrefix("#/") else { return false }
        var target = root
        // Only values in the position of a schema were made readable.
        var isSchema = true
        for part in text.dropFirst(2).split(separator: "/", omittingEmptySubsequences: false).map(String.init) {
            guard let next = child(part, of: target) else { return false }
            if isSchema {
                guard maps.contains(part) || lists.contains(part) || ["items", "prefixItems", "additionalProperties"].contains(part) else {
                    return false
                }
                isSchema = !maps.contains(part) && next.arrayValue == nil
            } else {
                isSchema = true
            }
            target = next
        }
        return isSchema && target.objectValue != nil
    }

    private static func child(_ part: String, of json: JSON) -> JSON? {
        if let object = json.objectValue { return object[part] }
        guard let elements = json.arrayValue, let index = Int(part), elements.indices.contains(index) else { return nil }
        return elements[index]
    }
}
