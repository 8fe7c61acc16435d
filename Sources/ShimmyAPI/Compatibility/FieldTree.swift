import ShimmyJSON

/// A tree of a request's fields by name, made from the rows of the matrix. A lookup takes the same time for any number of rows.
final class FieldTree: Sendable {
    /// The field's support; nil for the request itself.
    let support: Support?
    let children: [String: FieldTree]

    /// The fields whose members the client chooses, so that the matrix does not list them.
    private static let open: Set<String> = ["input", "chat_template_kwargs"]

    convenience init(_ rows: [FieldRow]) {
        self.init(support: nil, rows.map { row in (row.field.split(separator: ".").map { String($0.prefix { $0 != "[" }) }, row.support) })
    }

    /// - fields: the paths below this one.
    private init(support: Support?, _ fields: [(path: [String], support: Support)]) {
        self.support = support
        var below: [String: [(path: [String], support: Support)]] = [:]
        for (path, support) in fields { below[path[0], default: []].append((Array(path.dropFirst()), support)) }
        children = below.mapValues { fields in
            FieldTree(support: fields.first { $0.path.isEmpty }?.support ?? .supported, fields.filter { !$0.path.isEmpty })
        }
    }

    /// Throws a 400 for a field that cannot be ignored without changing the answer's meaning. Adds the fields without effect to `ignored`.
    /// - path: the object's path, with `[]` for the elements of arrays; empty for the request itself.
    func check(_ object: JSONObject, path: String = "", _ ignored: inout ReportedNames) throws(APIError) {
        for (name, value) in object where !value.isNull {
            let place = path.isEmpty ? name : "\(path).\(name)"
            guard let field = children[name] else {
                ignored.append(place)
                continue
            }
            switch field.support {
            case .supported, .partial, nil:
                if !Self.open.contains(name), !field.children.isEmpty { try field.checkMembers(of: value, name, place, &ignored) }
            case .refused(let neutral):
                if !neutral.contains(value) { throw .unsupportedParameter(.key(place), because: Compatibility.refusalReasons[place]) }
            case .ignored(let neutral):
                if !neutral.contains(value) { ignored.append(place) }
            case .notSupported: ignored.append(place)
            }
        }
    }

    private func checkMembers(of value: JSON, _ name: String, _ place: String, _ ignored: inout ReportedNames) throws(APIError) {
        switch value {
        case .object(let object): try check(object, path: place, &ignored)
        case .array(let elements):
            for case .object(let object) in elements {
                // The tool decoder reports a hosted tool as a whole, so its members are not checked here.
                if name == "tools", let type = object["type"]?.stringValue, type != "function", type != "custom" { continue }
                try check(object, path: place + "[]", &ignored)
            }
        default: return
        }
    }
}
