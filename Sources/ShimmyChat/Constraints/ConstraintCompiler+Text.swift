import ShimmyCore
import ShimmyEngine
import ShimmyGrammar

/// A compiled form of an answer without a template.
struct CompiledForm: Sendable {
    var source: (any ConstraintSource)?
    /// JSON pointers to the keywords of a schema that are not enforced, as in `AnswerReport.unenforced`.
    var unenforced: [String] = []
}

extension ConstraintCompiler {
    /// Compiles the form of an answer on the worker pool. Throws `GenerationError` for a form that cannot be used.
    /// - form: nil for an unconstrained answer.
    func compile(_ form: TextForm?) async throws -> CompiledForm {
        guard let form else { return CompiledForm() }
        return try await InputWork.run(.slow) { [self] _ in try compiled(form) }
    }

    private func compiled(_ form: TextForm) throws(GenerationError) -> CompiledForm {
        switch form {
        case .grammar(let text):
            return CompiledForm(source: try source(AnswerGrammar(text), of: form))
        case .schema(let schema):
            let grammar: SchemaGrammar
            do {
                grammar = try SchemaGrammar(schema, prefix: "answer-", mode: .lenient, types: .ofKeywords)
            } catch {
                throw .badSchema(tool: nil, error.description)
            }
            let source = try source(AnswerGrammar(GrammarDefinition(grammar.grammar)), of: form)
            return CompiledForm(source: source, unenforced: grammar.notes.map { "#\($0.pointer)" })
        }
    }

    private func source(_ grammar: AnswerGrammar, of form: TextForm) throws(GenerationError) -> any ConstraintSource {
        do {
            return try compile(grammar)
        } catch {
            throw .badGrammar(field: form.field, error.description)
        }
    }
}
