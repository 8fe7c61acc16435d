package import ShimmyJSON

/// A request for speech, a transcript or images. Models of this server make none of them: an upstream server receives the fields as they are, except
/// for the name of the model.
package struct MediaRequest: Sendable {
    /// The endpoint, by its path.
    package enum Endpoint: String, Sendable, CaseIterable {
        case speech = "/v1/audio/speech"
        case transcriptions = "/v1/audio/transcriptions"
        case translations = "/v1/audio/translations"
        case imageGenerations = "/v1/images/generations"
        case imageEdits = "/v1/images/edits"
        case imageVariations = "/v1/images/variations"

        /// Whether a request can be JSON.
        package var takesJSON: Bool { self != .transcriptions && self != .translations }
        /// Whether a request can be a form.
        package var takesForm: Bool { self != .speech }
        /// Whether the API has a field for the end user.
        package var namesUser: Bool {
            switch self {
            case .imageGenerations, .imageEdits, .imageVariations: true
            case .speech, .transcriptions, .translations: false
            }
        }
    }

    package enum Body: Sendable {
        case json(JSONObject)
        case form([FormField])
    }

    package var endpoint: Endpoint
    package var body: Body
    /// The media types that the client accepts; nil if it does not say.
    package var accept: String?

    package init(endpoint: Endpoint, body: Body, accept: String? = nil) {
        self.endpoint = endpoint
        self.body = body
        self.accept = accept
    }
}

/// A field of a form, such as a text or a file.
package struct FormField: Sendable, Equatable {
    package var name: String
    /// The name of the file; nil for a field that is not a file.
    package var fileName: String?
    /// The media type of the content; nil if the client does not say it.
    package var contentType: String?
    package var content: ArraySlice<UInt8>

    package init(_ name: String, fileName: String? = nil, contentType: String? = nil, content: ArraySlice<UInt8>) {
        self.name = name
        self.fileName = fileName
        self.contentType = contentType
        self.content = content
    }

    /// The name without the brackets that mark a field with several values, as in `image[]`.
    package var baseName: String { name.hasSuffix("[]") ? String(name.dropLast(2)) : name }

    /// The content as a text; nil if it is not UTF-8.
    package var text: String? { String(validating: content, as: UTF8.self) }
}
