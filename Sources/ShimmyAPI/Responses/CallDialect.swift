package import ShimmyChat
import ShimmyJSON

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

/// A part of a message, as one chunk contains it.
package enum MessageDelta: Sendable, Equatable {
    case content(String, [TokenProbability] = [])
    case reasoning(String)
    case call(index: Int, id: String, CalledTool)
    /// The next part of a call's arguments, or of a custom tool's input text.
    case arguments(index: Int, String, isCustom: Bool)
}

/// A converter of one answer's parts to a client's dialect. It gives every call an ID, and extracts the input text for custom tools.
package struct MessageDialect {
    private let dialect: CallDialect
    private var readers: [Int: CustomInputReader] = [:]

    package init(_ dialect: CallDialect) { self.dialect = dialect }

    /// Returns the converted part; nil if there is nothing to send yet.
    package mutating func map(_ delta: AnswerDelta) -> MessageDelta? {
        switch delta {
        case .content(let text, let probabilities): return .content(text, probabilities)
        case .reasoning(let text): return .reasoning(text)
        case .call(let index, let id, let name):
            let tool = dialect.tool(name)
            if tool.kind == .custom { readers[index] = CustomInputReader() }
            return .call(index: index, id: id ?? CallDialect.newCallID(), tool)
        case .arguments(let index, let more):
            guard var reader = readers[index] else { return .arguments(index: index, more, isCustom: false) }
            let text = reader.push(more)
            readers[index] = reader
            return text.isEmpty ? nil : .arguments(index: index, text, isCustom: true)
        }
    }
}

/// An incremental reader of the text in `{"input": "..."}`.
struct CustomInputReader {
    private var pending: [UInt8] = []
    private var isInside = false
    private var isOver = false

    mutating func push(_ more: String) -> String {
        guard !isOver else { return "" }
        pending += more.utf8
        if !isInside {
            // The value starts at the third quote: the first two enclose the name.
            let quotes = pending.indices.filter { pending[$0] == UInt8(ascii: "\"") }
            guard quotes.count >= 3 else { return "" }
            pending.removeFirst(quotes[2] + 1)
            isInside = true
        }
        let end = certainEnd()
        let literal = [UInt8(ascii: "\"")] + pending[..<end] + [UInt8(ascii: "\"")]
        pending.removeFirst(end)
        return (try? JSON.parse(String(decoding: literal, as: UTF8.self)))?.stringValue ?? ""
    }

    /// Returns the end of the complete characters and escapes in `pending`, or the index of the closing quote.
    private mutating func certainEnd() -> Int {
        var index = 0
        var certain = 0
        while index < pending.count {
            switch pending[index] {
            case UInt8(ascii: "\""):
                isOver = true
                return index
            case UInt8(ascii: "\\"):
                guard let length = escapeLength(at: index) else { return certain }
                index += length
            default: index += 1
            }
            certain = index
        }
        return certain
    }

    /// Returns the length of an escape in bytes; nil if a part of it is still missing. The two halves of a surrogate pair count as one escape.
    private func escapeLength(at index: Int) -> Int? {
        guard index + 1 < pending.count else { return nil }
        guard pending[index + 1] == UInt8(ascii: "u") else { return 2 }
        guard index + 6 <= pending.count else { return nil }
        let unit = UInt16(String(decoding: pending[(index + 2)..<(index + 6)], as: UTF8.self), radix: 16) ?? 0
        guard (0xD800...0xDBFF).contains(unit) else { return 6 }
        return index + 12 <= pending.count ? 12 : nil
    }
}
