package import ShimmyChat
package import ShimmyCore
package import ShimmyJSON

/// A request of another API, as the chat completion that asks for the same answer.
package struct TranslatedRequest<Own: Sendable>: AnswerRequest {
    package var completion: ChatCompletionRequest
    /// What the request says that a chat completion cannot say, such as the form of the answer.
    package var own: Own
    /// The fields without effect, named as the client named them, in the request's order.
    package var ignoredParameters: ReportedNames
    private let names: FieldNames

    package var model: String { completion.model }
    package var keepAlive: KeepAlive? { completion.keepAlive }
    package var stream: Bool { completion.stream }

    /// Decodes the chat completion. A preset may have changed its fields since it was translated.
    package init(_ completion: JSON, _ translation: Translation<Own>) throws(APIError) {
        do {
            self.completion = try ChatCompletionRequest(completion, limits: translation.limits, media: translation.media)
        } catch {
            throw translation.names.renaming(error)
        }
        own = translation.own
        names = translation.names
        ignoredParameters = translation.ignored
        ignoredParameters += self.completion.ignoredParameters
    }

    /// Returns the client's name of a field of the chat completion; nil if the field does not come from the client.
    package func name(of field: String) -> String? { names.name(of: field) }

    /// Returns the error for the client if the model cannot serve the request.
    package func error(_ error: GenerationError) -> APIError { names.renaming(APIError(error)) }
}

/// The JSON of a chat completion, made from the JSON of another API's request.
package struct Translation<Own: Sendable>: Sendable {
    package var completion: JSON
    package var own: Own
    package var ignored: ReportedNames
    /// The client's names of the fields.
    package var names: FieldNames
    /// The limits of the client's API.
    package var limits: ChatLimits
    /// The kinds of media that the model reads.
    package var media: MediaKinds

    package init(
        _ completion: JSON, _ own: Own, ignored: ReportedNames, names: FieldNames, limits: ChatLimits, media: MediaKinds = .none
    ) {
        self.completion = completion
        self.own = own
        self.ignored = ignored
        self.names = names
        self.limits = limits
        self.media = media
    }
}
