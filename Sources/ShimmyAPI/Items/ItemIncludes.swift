package import ShimmyJSON

/// The `include` parameter for a list of items: the optional contents of items that the client wants.
package struct ItemIncludes: Sendable, Equatable {
    private var logprobs = false
    private var sealedThoughts = false

    private enum Name: String, CaseIterable {
        case logprobs = "message.output_text.logprobs"
        case sealedThoughts = "reasoning.encrypted_content"
        // These belong to kinds of items that do not exist on this server.
        case files = "file_search_call.results"
        case web = "web_search_call.results"
        case sources = "web_search_call.action.sources"
        case images = "message.input_image.image_url"
        case screens = "computer_call_output.output.image_url"
        case code = "code_interpreter_call.outputs"
    }

    package init(_ query: QueryReader) throws(APIError) {
        for text in query.list("include") {
            switch Name(rawValue: text) {
            case .logprobs: logprobs = true
            case .sealedThoughts: sealedThoughts = true
            case nil: throw .invalidValue(.key("include"), text, supported: Name.allCases.map(\.rawValue))
            default: continue
            }
        }
    }

    /// Returns the item without the optional contents that the client did not request.
    package func shown(_ item: JSON) -> JSON {
        guard var members = item.objectValue else { return item }
        if !sealedThoughts, item["type"] == "reasoning" { members["encrypted_content"] = nil }
        if !logprobs, let parts = item["content"]?.arrayValue, item["role"] == "assistant" {
            members["content"] = .array(
                parts.map { part in
                    guard var part = part.objectValue, part["logprobs"] != nil else { return part }
                    part["logprobs"] = []
                    return .object(part)
                })
        }
        return .object(members)
    }
}
