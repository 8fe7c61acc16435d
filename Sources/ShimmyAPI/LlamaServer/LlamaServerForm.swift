import ShimmyJSON

/// The form that a request of llama-server's API wants its answer in.
package struct LlamaServerForm: Sendable {
    let model: String
    let streams: Bool
    /// The number of answers to each prompt.
    let choices: Int
    /// The fields of the response that the client wants; nil for all.
    let responseFields: [String]?
    /// Whether each value of a stream has the times so far.
    let timesTokens: Bool
    /// Whether values contain the tokens of their text.
    let returnsTokens: Bool

    /// Returns the fields of a response that the client wants. A member of an object is named by its path, and gets the path as its name.
    func chosen(_ object: JSONObject) -> JSON {
        guard let responseFields else { return .object(object) }
        var chosen = JSONObject()
        for field in responseFields {
            let path = field.split(separator: "/", omittingEmptySubsequences: false)
            let value = path.reduce(JSON.object(object) as JSON?) { value, name in value?[String(name)] }
            if let value { chosen[field] = value }
        }
        return .object(chosen)
    }
}
