import ShimmyJSON

/// Conditions (`if`) that compare the same property with listed values, such as one for each kind of object. Each value decides all of them, so that
/// the number of their alternatives is that of the values, not of the combinations of conditions.
extension SchemaCompiler {
    /// A condition that compares a property with listed values.
    private struct PropertyTest {
        /// The index of the schema with the condition.
        let place: Int
        let name: String
        let values: [JSON]
        /// Whether an object without the property fails the test.
        let needsProperty: Bool
        /// Whether values that are not objects fail the test.
        let needsObject: Bool
    }

    /// A value that exactly one key stands for.
    private enum Scalar: Hashable {
        case null
        case bool(Bool)
        case integer(Int)
        case text([UInt8])

        init?(_ value: JSON) {
            switch value {
            case .null: self = .null
            case .bool(let value): self = .bool(value)
            case .string(let text): self = .text(Array(text.utf8))
            case .number:
                guard let integer = value.intValue else { return nil }
                self = .integer(integer)
            case .array, .object: return nil
            }
        }
    }

    /// The values that any of several tests lists, grouped by the tests that they fit.
    private struct TestedValues {
        private(set) var all: [JSON] = []
        private(set) var groups: [(tests: [Int], values: [JSON])] = []

        /// Returns nil when a value is not a string, an integer, a boolean or null.
        init?(_ tests: [PropertyTest]) {
            var places: [Scalar: Int] = [:]
            var fitting: [[Int]] = []
            for (number, test) in tests.enumerated() {
                for value in test.values {
                    guard let scalar = Scalar(value) else { return nil }
                    let place = places[scalar] ?? all.count
                    if place == all.count {
                        places[scalar] = place
                        all.append(value)
                        fitting.append([])
                    }
                    if fitting[place].last != number { fitting[place].append(number) }
                }
            }
            var numbers: [[Int]: Int] = [:]
            for (value, tests) in zip(all, fitting) {
                let number = numbers[tests] ?? groups.count
                if number == groups.count {
                    numbers[tests] = number
                    groups.append((tests, []))
                }
                groups[number].values.append(value)
            }
        }
    }

    /// Returns the alternatives of the condition of the schema at `place` and of all similar ones, and the schemas without these conditions. Returns
    /// nil when there are no other conditions on the same property.
    func conditions(
        _ flat: [SchemaPart], at place: Int
    ) throws(SchemaError) -> (alternatives: [[SchemaPart]], rest: [SchemaPart])? {
        guard let first = try propertyTest(flat[place], at: place) else { return nil }
        var tests = [first]
        for (index, part) in flat.enumerated() where index != place && part.value("if") != nil {
            guard let test = try propertyTest(part, at: index), JSON.string(test.name) == .string(first.name) else { continue }
            tests.append(test)
        }
        guard tests.count > 1, let values = TestedValues(tests) else { return nil }
        let (part, name) = (flat[place], first.name)
        func alternative(_ schema: JSON, _ fitting: Set<Int>) -> [SchemaPart] {
            let results = tests.enumerated().compactMap { number, test in flat[test.place].at(fitting.contains(number) ? "then" : "else") }
            return [part.derived(schema, "tests \(schema.text)", isNegation: fitting.isEmpty)] + results
        }
        func present(_ property: JSON) -> JSON { ["type": "object", "required": [.string(name)], "properties": .object([name: property])] }
        func numbers(where isFitting: (PropertyTest) -> Bool) -> Set<Int> { Set(tests.indices.filter { isFitting(tests[$0]) }) }

        var alternatives = values.groups.map { alternative(present(["enum": .array($0.values)]), Set($0.tests)) }
        alternatives.append(alternative(present(.object([SchemaKeywords.excluded: .array(values.all)])), []))
        alternatives.append(alternative(["type": "object", "properties": .object([name: false])], numbers { !$0.needsProperty }))
        let others = SchemaTypes.Kind.allCases.filter { $0 != .object }.map { JSON.string($0.rawValue) }
        alternatives.append(alternative(["type": .array(others)], numbers { !$0.needsObject }))
        var rest = flat
        for test in tests { rest[test.place] = flat[test.place].withoutCondition }
        return (alternatives, rest)
    }

    /// Returns the test of a condition; nil when it does more than compare one property with listed values.
    private func propertyTest(_ part: SchemaPart, at place: Int) throws(SchemaError) -> PropertyTest? {
        func hasOnly(_ keywords: Set<String>, _ object: JSONObject) -> Bool {
            object.allSatisfy { keywords.contains($0.key) || SchemaKeywords.isAnnotation($0.key) }
        }
        guard part.schema["then"] != nil || part.schema["else"] != nil, let test = part.at("if"), let object = test.schema.objectValue,
            hasOnly(["type", "required", "properties"], object), let properties = test.at("properties"),
            let names = properties.schema.objectValue?.keys, names.count == 1, let property = properties.at(names[0]),
            let keywords = property.schema.objectValue, hasOnly(["type", "const", "enum"], keywords)
        else { return nil }
        let lists = [property.value("const").map { [$0] }, property.value("enum")?.arrayValue].compactMap(\.self)
        guard lists.count == 1, var values = lists.first else { return nil }
        if property.value("type") != nil {
            let kinds = try SchemaTypes.of(property)
            values = values.filter { kinds.contains(SchemaTypes.kind(of: $0)) }
        }
        var needsProperty = false
        if let required = test.value("required") {
            guard let list = required.arrayValue, list.allSatisfy({ $0 == .string(names[0]) }) else { return nil }
            needsProperty = !list.isEmpty
        }
        let type = test.value("type")
        guard type == nil || type == "object" else { return nil }
        return PropertyTest(place: place, name: names[0], values: values, needsProperty: needsProperty, needsObject: type != nil)
    }
}
