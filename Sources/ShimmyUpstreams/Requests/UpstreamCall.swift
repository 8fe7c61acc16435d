package import ShimmyChat
package import ShimmyJSON

/// A request for an answer as an upstream receives it, and the work that remains for this server.
package struct UpstreamCall: Sendable, Equatable {
    package var path: String
    /// The bodies of the requests: one, or several for an upstream that gives one choice or takes one prompt at a time.
    package var bodies: [JSONObject]
    /// The number of choices of each request.
    package var choicesPerBody: Int
    package var report = AnswerReport()
    /// The stop strings that are looked for here, because the upstream does not take them.
    package var ownStops: [String] = []
    /// Whether the texts of the answer are left out, because the upstream generates at least one token.
    package var isEmpty = false
    /// The form of the answer that is checked here, because the upstream may miss it.
    package var form = AnswerForm()
    /// Whether the content of the answer is checked.
    package var checksAnswer: Bool { form.checksContent }

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
