import ShimmyJSON

/// The fields of a request or a response as a tree, made from the rows of the matrix, for a JSON schema.
struct SchemaTree {
    private var row: FieldRow?
    /// Whether the value is an array, whose elements have the children.
    private var isArray = false
    private var children: [(name: String, tree: SchemaTree)] = []

    /// - rows: the rows of fields that the schema contains.
    init(_ rows: [FieldRow]) {
        for row in rows { insert(row, row.field.split(separator: ".")[...]) }
    }

    private init() {}

    private mutating func insert(_ row: FieldRow, _ path: ArraySlice<Substring>) {
        guard let component = path.first else {
            self.row = row
            return
        }
        if component == "[]" {
            // The whole value is an array.
            self.isArray = true
            return insert(row, path.dropFirst())
        }
        let isArray = component.hasSuffix("[]")
        let name = String(isArray ? component.dropLast(2) : component)
        let index = children.firstIndex { $0.name == name } ?? children.endIndex
        if index == children.endIndex { children.append((name, SchemaTree())) }
        if isArray { children[index].tree.isArray = true }
        children[index].tree.insert(row, path.dropFirst())
    }

    /// Returns the JSON schema.
    /// - field: the path of this part; empty for the whole.
    /// - type: returns the schema of a field's value. For a field with members, it is an alternative to the object or the array of objects.
    /// - isRequired: returns whether a field must be present.
    func schema(_ field: String = "", type: (String) -> JSON?, isRequired: (String) -> Bool) -> JSON {
        var schema: JSON = (field.isEmpty ? nil : type(field)) ?? SchemaForms.anything
        if !children.isEmpty || isArray {
            let whole = members(field, type, isRequired)
            schema = schema == SchemaForms.anything ? whole : SchemaForms.either(schema, whole)
        }
        guard let description, var object = schema.objectValue else { return schema }
        object["description"] = .string(description)
        return .object(object)
    }

    private func members(_ field: String, _ type: (String) -> JSON?, _ isRequired: (String) -> Bool) -> JSON {
        let prefix = isArray ? field + "[]." : field.isEmpty ? "" : field + "."
        var properties: JSONObject = [:]
        for (name, tree) in children { properties[name] = tree.schema(prefix + name, type: type, isRequired: isRequired) }
        var object: JSONObject = ["type": "object"]
        if !properties.isEmpty { object["properties"] = .object(properties) }
        let required = children.map(\.name).filter { isRequired(prefix + $0) }
        if !required.isEmpty { object["required"] = .array(required.map(JSON.string)) }
        return isArray ? SchemaForms.list(of: .object(object)) : .object(object)
    }

    private var description: String? {
        guard let row else { return nil }
        if case .ignored = row.support {
            return "Accepted without effect and reported" + (row.support.note.isEmpty ? "." : ", \(row.support.note).")
        }
        return row.support.note.isEmpty ? nil : row.support.note
    }
}
