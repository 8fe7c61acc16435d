/// The form in which one client receives calls and reasoning.
package struct CallDialect: Sendable, Equatable {
    package enum ReasoningField: String, Sendable, CaseIterable {
        case reasoning_content, reasoning, both

        var names: [String] { self == .both ? ["reasoning_content", "reasoning"] : [rawValue] }
    }

    /// The name of a custom tool's only argument. The model sees a custom tool as a function.
    static let inputName = "input"

    /// The tools that are not plain functions to the client, by the names that the model knows.
    package var tools: [String: CalledTool] = [:]
    /// Whether the client uses the deprecated form: one `function_call` in place of `tool_calls`.
    package var usesFunctions = false
    package var reasoningField = ReasoningField.reasoning_content

    package init() {}

    func tool(_ name: String) -> CalledTool { tools[name] ?? CalledTool(name) }

    /// Returns a new call ID with 131 random bits.
    static func newCallID() -> String { "call_" + RandomID.make() }
}
