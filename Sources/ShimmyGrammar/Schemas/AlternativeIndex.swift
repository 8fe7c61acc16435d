import ShimmyJSON

/// An index of the alternatives of a `oneOf` that finds the few that can share a value with one of them, without a comparison of all pairs.
///
/// An object that fits an alternative has the properties that the alternative requires. An alternative that forbids such a property, or lists only
/// other values of it, does not fit the same object. Names outside ASCII are not indexed, because equal strings can have different bytes.
struct AlternativeIndex {
    /// A value of a property. Equal values have equal keys; different values can have equal keys.
    private enum Key: Hashable {
        case null
        case bool(Bool)
        case number(Double)
        case text([UInt8])
        case nested

        init(_ value: JSON) {
            switch value {
            case .null: self = .null
            case .bool(let value): self = .bool(value)
            case .number(let number): self = .number(number.double)
            case .string(let text): self = .text(Array(text.utf8))
            case .array, .object: self = .nested
            }
        }
    }

    /// The alternatives by their schemas of one property.
    private struct Property {
        /// The alternatives that list values of the property.
        var listing: [Key: [Int]] = [:]
        /// The listed values of each alternative.
        var keys: [Int: Set<Key>] = [:]
        /// The alternatives with a schema of the property that does not list its values.
        var unlisted: [Int] = []
        /// The alternatives that name the property, including those that forbid it.
        var naming: Set<Int> = []
        /// The number of alternatives that name the property and are open.
        var openNaming = 0
    }

    private let sides: [SchemaDisjointness.Side?]
    /// The properties that an alternative requires, by name.
    private var properties: [String: Property] = [:]
    /// The alternatives that may allow properties that they do not name.
    private var open: [Int] = []

    /// - sides: the alternatives; nil for those that no value fits.
    init(_ sides: [SchemaDisjointness.Side?], _ compiler: SchemaCompiler) throws(SchemaError) {
        self.sides = sides
        for side in sides {
            for name in side?.required ?? [] where Self.isIndexed(name) { properties[name] = Property() }
        }
        for (index, side) in sides.enumerated() {
            guard let side, side.kinds.contains(.object) else { continue }
            if index.isMultiple(of: 16) { try compiler.check(side.parts.first?.pointer ?? "") }
            let closed = side.parts.filter { $0.schema["additionalProperties"] == false && $0.value("patternProperties") == nil }
            if closed.isEmpty { open.append(index) }
            var names: Set<String> = []
            for part in side.parts {
                for name in part.schema["properties"]?.objectValue?.keys ?? [] where Self.isIndexed(name) && properties[name] != nil {
                    names.insert(name)
                }
            }
            for name in names { try add(name, index, side, closed, compiler) }
        }
    }

    private static func isIndexed(_ name: String) -> Bool { name.utf8.allSatisfy { $0 < 0x80 } }

    private mutating func add(
        _ name: String, _ index: Int, _ side: SchemaDisjointness.Side, _ closed: [SchemaPart], _ compiler: SchemaCompiler
    ) throws(SchemaError) {
        guard var property = properties[name] else { return }
        // The copy would share its storage with the dictionary, so that each change copied it.
        properties[name] = nil
        defer { properties[name] = property }
        property.naming.insert(index)
        if closed.isEmpty { property.openNaming += 1 }
        let schemas = side.parts.compactMap { $0.at("properties")?.at(name) }
        let isForbidden = schemas.contains { $0.schema == false } || closed.contains { $0.schema["properties"]?[name] == nil }
        if isForbidden { return }
        guard let keys = try Self.keys(of: schemas, compiler) else {
            property.unlisted.append(index)
            return
        }
        property.keys[index] = keys
        for key in keys { property.listing[key, default: []].append(index) }
    }

    /// Returns the listed values of a property; nil if its schemas list none.
    private static func keys(of schemas: [SchemaPart], _ compiler: SchemaCompiler) throws(SchemaError) -> Set<Key>? {
        let listing = ["const", "enum", "$ref", "allOf"]
        guard schemas.contains(where: { part in listing.contains { part.schema[$0] != nil } }) else { return nil }
        guard let flat = try compiler.flattened(schemas) else { return [] }
        return SchemaDisjointness.Side(flat, compiler).values.map { Set($0.map(Key.init)) }
    }

    /// Returns the alternatives that may fit a value that fits the alternative `index`, in ascending order. The alternative itself can be among them.
    func candidates(for index: Int) -> [Int] {
        guard let side = sides[index], side.kinds == [.object] else { return Array(sides.indices) }
        var best: (property: Property, count: Int)?
        for name in side.required.sorted() {
            guard let property = properties[name] else { continue }
            let count = listed(property, index).reduce(0) { $0 + $1.count } + property.unlisted.count + open.count - property.openNaming
            if count < best?.count ?? .max { best = (property, count) }
        }
        guard let property = best?.property else { return Array(sides.indices) }
        var found = Set(property.unlisted)
        for alternatives in listed(property, index) { found.formUnion(alternatives) }
        for alternative in open where !property.naming.contains(alternative) { found.insert(alternative) }
        return found.sorted()
    }

    /// Returns the alternatives that list a value of the property that the alternative `index` allows.
    private func listed(_ property: Property, _ index: Int) -> [[Int]] {
        guard let keys = property.keys[index] else { return Array(property.listing.values) }
        return keys.compactMap { property.listing[$0] }
    }
}
