package import ShimmyChat

/// A model that an upstream offers, as far as the upstream says.
package struct UpstreamModel: Sendable, Equatable {
    /// The model's id at the upstream.
    package var id: String
    /// The max length of prompt and answer, in tokens; nil if unknown.
    package var contextLength: Int?
    package var roles: [ModelRole]
    /// Whether the upstream tokenizes texts for the model.
    package var tokenizes = false
    /// Whether the model takes tools, reasons, and reads images and audio; nil if unknown.
    package var takesTools: Bool?
    package var reasons: Bool?
    package var takesImages: Bool?
    package var takesAudio: Bool?
    /// The Unix time at which the model was made, or was first seen; nil if unknown.
    package var created: Int?

    package init(id: String, contextLength: Int? = nil, roles: [ModelRole] = [.chat]) {
        self.id = id
        self.contextLength = contextLength
        self.roles = roles
    }
}
