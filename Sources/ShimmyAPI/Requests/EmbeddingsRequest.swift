package import ShimmyChat
package import ShimmyCore
package import ShimmyJSON

/// The decoded and checked request of `POST /v1/embeddings`.
package struct EmbeddingsRequest: Sendable, Equatable {
    package enum Encoding: String, Sendable { case float, base64 }

    package var model: String
    package var embedding: EmbeddingRequest
    package var encoding: Encoding
    /// How long the model stays loaded after the request; nil to leave the current setting as it is.
    package var keepAlive: KeepAlive?
    package var ignoredParameters: ReportedNames

    /// The max number of inputs, as in OpenAI's API.
    private static let mostInputs = 2048

    package init(_ json: JSON, recorder: FieldRecorder? = nil) throws(APIError) {
        let fields = try FieldReader(json, path: .root, recorder: recorder)
        ignoredParameters = try Compatibility.embeddings.check(fields.object)
        model = try fields.requiredString("model")
        keepAlive = try SharedFields.keepAlive(fields)
        try SharedFields.checkEndUser(fields, "user")
        let format = try fields.string("encoding_format") ?? "float"
        guard let encoding = Encoding(rawValue: format) else {
            throw .invalidValue(fields.path(to: "encoding_format"), format, supported: ["float", "base64"])
        }
        self.encoding = encoding
        embedding = EmbeddingRequest(
            inputs: try PromptDecoder.prompts(fields, "input", most: Self.mostInputs),
            dimensions: try fields.integer("dimensions", in: 1...Int64(Int32.max)).map { Int($0) })
        for (index, input) in embedding.inputs.enumerated() where input == .text("") {
            let path =
                embedding.inputs.count == 1 && fields.value("input")?.stringValue != nil
                ? fields.path(to: "input") : fields.path(to: "input").index(index)
            throw APIError(
                status: 400, message: "Invalid '\(path)': input cannot be an empty string.", param: "\(path)", code: "invalid_value")
        }
    }
}
