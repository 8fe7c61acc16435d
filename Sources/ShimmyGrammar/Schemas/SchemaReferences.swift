import ShimmyCore
import ShimmyJSON

/// Resolves the references in a schema: JSON pointers, anchors, and schemas with their own identifier.
struct SchemaReferences {
    private let root: JSON
    /// The schemas by their URIs, with `#name` for anchors.
    private var targets: [String: SchemaPart] = [:]
    /// The base URIs of schemas with an identifier, by their pointers.
    private var bases: [String: String] = [:]
    private var dynamicAnchors = 0
    /// The max length of an absolute identifier, in bytes; longer ones are ignored. Those of nested schemas contain those of the outer ones.
    private static let identifierBytes = 2048
    /// Whether the target of a dynamic reference depends on the path to it.
    var isDynamic: Bool { dynamicAnchors > 1 }
    /// Whether keywords beside `$ref` are ignored, as before draft 2019-09.
    let ignoresSiblings: Bool

    init(_ root: JSON) {
        self.root = root
        let draft = root["$schema"]?.stringValue ?? ""
        ignoresSiblings = ["draft-03", "draft-04", "draft-06", "draft-07"].contains { draft.contains($0) }
        collect()
    }

    /// The keywords whose values are objects of schemas.
    private static let maps: Set<String> = ["$defs", "definitions", "properties", "patternProperties", "dependencies", "dependentSchemas"]

    private mutating func collect() {
        var open: [(part: SchemaPart, base: String, isMap: Bool)] = [(SchemaPart(schema: root, pointer: ""), "", false)]
        // Identifiers within unknown keywords count only where no schema has the same one.
        var later: [(part: SchemaPart, base: String, isMap: Bool)] = []
        while let (part, outer, isMap) = open.popLast() ?? later.popLast() {
            if let object = part.schema.objectValue {
                let base = isMap ? outer : register(part, object, outer)
                // Listed values are not schemas.
                for (key, _) in object where isMap || key != "enum" && key != "const" {
                    guard let child = part.at(key) else { continue }
                    let isKnown = isMap || Self.maps.contains(key) || !SchemaKeywords.isAnnotation(key)
                    if isKnown { open.append((child, base, !isMap && Self.maps.contains(key))) } else { later.append((child, base, false)) }
                }
            } else if let count = part.schema.arrayValue?.count {
                for index in 0..<count {
                    guard let value = part.schema[index] else { continue }
                    open.append((SchemaPart(schema: value, pointer: "\(part.pointer)/\(index)"), outer, false))
                }
            }
        }
    }

    /// Records the identifiers of a schema. Returns the base URI of the references in it.
    private mutating func register(_ part: SchemaPart, _ object: JSONObject, _ outer: String) -> String {
        var base = outer
        // An identifier beside a reference is ignored too.
        let isReference = ignoresSiblings && object["$ref"]?.stringValue != nil
        for key in ["$id", "id"] where !isReference {
            guard let id = object[key]?.stringValue, !id.isEmpty else { continue }
            if id.hasPrefix("#") {
                targets[base + id] = targets[base + id] ?? part
            } else {
                let absolute = Self.resolve(id.hasSuffix("#") ? String(id.dropLast()) : id, base)
                if absolute.utf8.count > Self.identifierBytes { continue }
                base = absolute
                targets[base] = targets[base] ?? part
                bases[part.pointer] = base
            }
        }
        if object["$dynamicAnchor"] != nil || object["$recursiveAnchor"] != nil { dynamicAnchors += 1 }
        for key in ["$anchor", "$dynamicAnchor"] {
            if let name = object[key]?.stringValue { targets["\(base)#\(name)"] = targets["\(base)#\(name)"] ?? part }
        }
        return base
    }

    /// Returns the schema that a reference resolves to; nil when it is not in the document.
    func target(of reference: String, from part: SchemaPart) -> SchemaPart? {
        let base = base(of: part.pointer)
        let pieces = reference.split(separator: "#", maxSplits: 1, omittingEmptySubsequences: false)
        let uri = pieces[0].isEmpty ? base : Self.resolve(String(pieces[0]), base)
        let fragment = pieces.count > 1 ? PercentEncoding.decoded(pieces[1], keepsMalformed: true) ?? String(pieces[1]) : ""
        guard let document = targets[uri] ?? (uri.isEmpty || pieces[0].isEmpty ? SchemaPart(schema: root, pointer: "") : nil) else { return nil }
        if fragment.isEmpty { return document }
        if fragment.hasPrefix("/") { return follow(fragment, from: document) }
        return targets["\(uri)#\(fragment)"]
    }

    private func follow(_ pointer: String, from start: SchemaPart) -> SchemaPart? {
        var found = start
        for step in pointer.split(separator: "/", omittingEmptySubsequences: false).dropFirst() {
            let key = step.replacing("~1", with: "/").replacing("~0", with: "~")
            if let index = Int(key), let value = found.schema[index] {
                found = SchemaPart(schema: value, pointer: "\(found.pointer)/\(index)")
            } else {
                guard let next = found.at(String(key)) else { return nil }
                found = next
            }
        }
        return found
    }

    /// Returns the base URI of references at a location.
    private func base(of pointer: String) -> String {
        if bases.isEmpty { return "" }
        var rest = pointer[...]
        while true {
            if let base = bases[String(rest)] { return base }
            guard let slash = rest.lastIndex(of: "/") else { return "" }
            rest = rest[..<slash]
        }
    }

    /// Returns the absolute URI of a reference (RFC 3986, section 5.2, except for dot segments in the middle).
    private static func resolve(_ reference: String, _ base: String) -> String {
        if let colon = reference.firstIndex(of: ":"), !reference[..<colon].contains("/") { return reference }
        guard let scheme = base.firstRange(of: "://") else {
            guard !reference.hasPrefix("/"), let slash = base.lastIndex(of: "/") else { return reference }
            return base[...slash] + reference
        }
        let path = base[scheme.upperBound...].firstIndex(of: "/") ?? base.endIndex
        if reference.hasPrefix("//") { return base[..<base.index(scheme.lowerBound, offsetBy: 1)] + reference }
        if reference.hasPrefix("/") { return base[..<path] + reference }
        let folder = base[path...].lastIndex(of: "/").map { base[...$0] } ?? base[...] + "/"
        return folder + reference
    }
}
