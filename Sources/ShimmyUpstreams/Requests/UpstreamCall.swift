package import ShimmyChat
package import ShimmyJSON

/// A request for an answer as an upstream receives it, and what remains to be done here.
package struct UpstreamCall: Sendable, Equatable {
    package var path: String
    /// The bodies of the requests: one, or several for an upstream that gives one choice or takes one prompt at a time.
    package var bodies: [JSONObject]
    /// The number of choices of each request.
    package var choicesPerBody: Int
    package var report = AnswerReport()
    /// The stop strings that are looked for here, because the upstream does not take them.
    package var ownStops: [String] = []
    /// Whether nothing enforces the schema of the answer, so that the answer is checked before any of it is passed on.
    package var checksAnswer = false

    package init(path: String, bodies: [JSONObject], choicesPerBody: Int) {
        self.path = path
        self.bodies = bodies
        self.choicesPerBody = choicesPerBody
    }

    /// Leaves out and adds the fields that the settings name.
    mutating func apply(_ settings: UpstreamSettings) {
        for index in bodies.indices {
            for name in settings.droppedFields { bodies[index][name] = nil }
            for field in settings.addedFields { bodies[index][field.key] = field.value }
        }
    }
}
