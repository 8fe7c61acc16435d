package import ShimmyChat
import ShimmyCore
import ShimmyGrammar
import ShimmyJSON

/// Collects the parts of an answer whose form the upstream may miss, and hands over each choice at its end.
package struct AnswerCheck: Sendable {
    private let form: AnswerForm
    private var choices: [Int: FinishedChoice] = [:]
    private var bytes = 0

    package init(_ form: AnswerForm) { self.form = form }

    /// Notes an event. Returns the choice that it ends. Longer answers than `UpstreamLimits.heldBytes` are not checked.
    package mutating func note(_ event: AnswerEvent) -> FinishedChoice? {
        guard bytes <= UpstreamLimits.heldBytes else { return nil }
        switch event {
        case .delta(_, .reasoning): return nil
        case .delta(_, .content) where !form.checksContent: return nil
        case .delta(let choice, let delta):
            add(delta, to: choice)
            if bytes > UpstreamLimits.heldBytes { choices = [:] }
            return nil
        case .finished(let choice, let reason):
            var finished = choices.removeValue(forKey: choice) ?? FinishedChoice(number: choice, form: form)
            finished.reason = reason
            return finished
        case .prompt, .idle, .fact, .ended: return nil
        }
    }

    private mutating func add(_ delta: AnswerDelta, to number: Int) {
        bytes = bytes.saturated(adding: delta.size)
        var choice = choices.removeValue(forKey: number) ?? FinishedChoice(number: number, form: form)
        switch delta {
        case .content(let text, _): choice.content += text
        case .call(_, _, let name): choice.calls.append(FinishedChoice.Call(name: name))
        case .arguments(let index, let text): if choice.calls.indices.contains(index) { choice.calls[index].arguments += text }
        case .reasoning: break
        }
        choices[number] = choice
    }

    /// Returns the parts of an answer that do not have the form, as paths in a chat completion. The work is done on the worker pool.
    package static func faults(in events: [AnswerEvent], _ form: AnswerForm) async throws -> [String] {
        var check = AnswerCheck(form)
        var faults: [String] = []
        for event in events {
            if let choice = check.note(event) { faults += try await choice.faults() }
        }
        return faults
    }
}

/// The calls and the content of a choice that has ended.
package struct FinishedChoice: Sendable {
    fileprivate struct Call: Sendable {
        let name: String
        var arguments = ""
    }

    /// The max number of faults of a choice that are listed.
    private static let mostFaults = 8

    package let number: Int
    fileprivate let form: AnswerForm
    fileprivate var content = ""
    fileprivate var calls: [Call] = []
    fileprivate var reason = FinishReason.stop

    fileprivate init(number: Int, form: AnswerForm) {
        self.number = number
        self.form = form
    }

    /// Returns the parts that do not have the form. The work is done on the worker pool.
    package func faults() async throws -> [String] {
        if calls.isEmpty, !form.checksContent, !form.mustCall { return [] }
        let bytes = calls.reduce(content.utf8.count) { $0.saturated(adding: $1.arguments.utf8.count) }
        return try await WorkerPool.input.run(InputWork.lane(bytes: bytes)) { _ in found }
    }

    private var found: [String] {
        let message = "choices[\(number)].message"
        let budget = GrammarBudget()
        var faults: [String] = []
        if let tools = form.tools {
            if calls.isEmpty, form.mustCall, reason != .length { faults.append("\(message).tool_calls") }
            for (index, call) in calls.enumerated() where faults.count < Self.mostFaults {
                let path = "\(message).tool_calls[\(index)].function"
                guard let schema = tools[call.name] else {
                    faults.append("\(path).name")
                    continue
                }
                // The limit of tokens may have cut the last call.
                if reason == .length, index == calls.count - 1 { continue }
                let arguments = try? JSON.parse(call.arguments, limits: WireJSON.limits)
                let isRight = arguments.map { $0.objectValue != nil && SchemaCheck.accepts($0, by: schema, budget: budget) } ?? false
                let input = form.inputs[call.name]
                if !isRight || !fits(arguments, input, budget) { faults.append("\(path).arguments") }
            }
        }
        if let schema = form.schema, calls.isEmpty, reason == .stop {
            let value = try? JSON.parse(content, limits: WireJSON.limits)
            if !(value.map { SchemaCheck.accepts($0, by: schema, budget: budget) } ?? false) { faults.append("\(message).content") }
        }
        if let grammar = form.grammar, calls.isEmpty {
            let isCut = reason != .stop || form.hasStops
            let fits = TextCheck.accepts(Array(content.utf8), by: GrammarDefinition(grammar), isCut: isCut, budget: budget)
            if !fits { faults.append("\(message).content") }
        }
        return faults
    }

    /// Returns whether the text of a custom tool fits its grammar, which describes the text inside a JSON string.
    private func fits(_ arguments: JSON?, _ input: Tool.InputGrammar?, _ budget: GrammarBudget) -> Bool {
        guard let input else { return true }
        let definition = GrammarDefinition("root ::= \(input.root)\n\(input.rules)")
        for (_, value) in arguments?.objectValue ?? [:] {
            guard let text = value.stringValue else { return false }
            let bytes = Array(JSON.string(text).text.utf8.dropFirst().dropLast())
            if !TextCheck.accepts(bytes, by: definition, budget: budget) { return false }
        }
        return true
    }
}

extension AnswerDelta {
    /// The number of bytes of the texts.
    var size: Int {
        switch self {
        case .content(let text, _), .reasoning(let text), .arguments(_, let text): text.utf8.count
        case .call(_, let id, let name): (id ?? "").utf8.count + name.utf8.count
        }
    }
}
