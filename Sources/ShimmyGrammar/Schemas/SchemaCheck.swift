package import ShimmyJSON

/// Checks values that were not made under a grammar.
package enum SchemaCheck {
    /// Returns whether a value fits a schema, as far as that can be checked: keywords that cannot be enforced are ignored, and every value fits a
    /// schema that is malformed or too large, or whose check takes longer than the budget.
    package static func accepts(_ value: JSON, by schema: JSON, budget: GrammarBudget = GrammarBudget()) -> Bool {
        if SchemaBounds.obstacle(in: schema) != nil { return true }
        let compiler = SchemaCompiler(schema, prefix: "check", mode: .lenient, budget: budget)
        do throws(SchemaError) {
            return try SchemaValidator(compiler).accepts(value, SchemaPart(schema: schema, pointer: ""))
        } catch {
            return true
        }
    }
}
