package import ShimmyAPI
package import ShimmyCore
package import ShimmyJSON
package import ShimmyModels

/// A request for a model's output that passed all checks that need no model.
package struct AnswerOrder: Sendable {
    /// The name of the model.
    package let model: String
    package let keepAlive: KeepAlive?
    package let streams: Bool
    /// Fields without effect.
    package let ignored: ReportedNames
    /// Fields whose values the model's preset replaced.
    package let forced: [String]
    /// The form of a stream's values.
    package let framing: StreamFraming
    /// Returns the values of a stream whose answer could not begin.
    package let failed: @Sendable (APIError) -> [JSON]
    /// Begins the answer once the model is loaded, and throws the errors in the request. A cancelled task stops the work.
    package let begin: @concurrent @Sendable (ModelLease) async throws -> StartedAnswer
    /// The account of the request; nil if nothing is counted.
    private let charge: Charge?

    /// - charge: the account of the request; nil if nothing is counted.
    init<Request: AnswerRequest>(
        _ reading: PresetRequest<Request>, _ charge: Charge?, framing: StreamFraming = .unnamed,
        failed: @escaping @Sendable (APIError) -> [JSON] = { [$0.json] },
        begin: @escaping @concurrent @Sendable (ModelLease) async throws -> StartedAnswer
    ) {
        model = reading.value.model
        keepAlive = reading.value.keepAlive
        streams = reading.value.stream
        ignored = reading.value.ignoredParameters
        forced = reading.forced
        self.framing = framing
        self.failed = failed
        self.charge = charge
        self.begin = { lease in
            charge?.note(model: lease.record.id)
            return try await charge.during { try await WorkAllowance.limiting { try await begin(lease) } }
        }
    }

    /// Waits for the order's model. An error ends the account of the request.
    package func waiting<Value: Sendable>(_ work: () async throws -> Value) async throws -> Value { try await charge.during(work) }

    /// Ends the account of a request whose answer cannot begin.
    package func end(with error: any Error) { charge?.fail(error) }
}
