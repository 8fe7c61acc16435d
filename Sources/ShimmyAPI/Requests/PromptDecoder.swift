import ShimmyChat
import ShimmyCore
import ShimmyJSON

/// A decoder of prompts in every form that OpenAI's API accepts: a text, several texts, the tokens of one text, or the tokens of several texts.
enum PromptDecoder {
    static func prompts(_ fields: FieldReader, _ name: String, most: Int) throws(APIError) -> [TextRequest.Prompt] {
        let path = fields.path(to: name)
        let value = try fields.required(name)
        if let text = value.stringValue { return [.text(text)] }
        guard let elements = value.arrayValue else { throw .wrongType(path, expected: "a string or an array", got: value) }
        guard let first = elements.first else { throw .emptyArray(path) }
        if first.intValue != nil { return [.tokens(try tokens(elements, path))] }
        if elements.count > most { throw .arrayTooLong(path, maximum: most, got: elements.count) }
        var prompts: [TextRequest.Prompt] = []
        for (index, element) in elements.enumerated() {
            if let text = element.stringValue, first.stringValue != nil {
                prompts.append(.text(text))
            } else if let list = element.arrayValue, !list.isEmpty, first.arrayValue != nil {
                prompts.append(.tokens(try tokens(list, path.index(index))))
            } else {
                let expected =
                    first.stringValue != nil ? "a string" : first.arrayValue != nil ? "an array of integers" : "a string or an array of integers"
                throw .wrongType(path.index(index), expected: expected, got: element)
            }
        }
        return prompts
    }

    static func tokens(_ elements: [JSON], _ path: JSONPath) throws(APIError) -> [Token] {
        var tokens: [Token] = []
        for (index, element) in elements.enumerated() {
            guard case .number(let number) = element, number.isInteger else {
                throw .wrongType(path.index(index), expected: "an integer", got: element)
            }
            guard let token = element.intValue.flatMap({ Token(exactly: $0) }) else {
                throw APIError(
                    status: 400, message: "Invalid '\(path.index(index))': \(element.text.prefix(40)) is not a token id.",
                    param: "\(path.index(index))", code: "invalid_value")
            }
            tokens.append(token)
        }
        return tokens
    }
}
