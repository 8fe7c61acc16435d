package import ShimmyJSON

extension UpstreamMatrix {
    /// The matrix as JSON, for programs.
    package static var json: JSON {
        let sections = sections.map { section -> JSON in
            let rows = section.rows.map { row -> JSON in
                var cells: JSONObject = [:]
                for (kind, cell) in zip(section.kinds, row.cells) { cells[kind.rawValue] = .string(cell) }
                return ["name": .string(row.name), "upstreams": .object(cells)]
            }
            return ["title": .string(section.title), "rows": .array(rows)]
        }
        return ["sections": .array(sections)]
    }
}
