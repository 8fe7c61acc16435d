/// Limits on the data that an upstream may send, and on the work that Shimmy does for it.
package enum UpstreamLimits {
    /// Bytes of a line and of an event of a stream.
    package static let eventBytes = 8 << 20
    /// Bytes of all events of an answer.
    package static let answerBytes = 256 << 20
    /// Bytes of an event with an image or with audio.
    static let mediaEventBytes = 32 << 20
    /// Bytes of a response that is not a stream.
    package static let responseBytes = 64 << 20
    /// Bytes of an event or a response that are parsed at once. Longer ones are parsed on the worker pool.
    static let quickBytes = 64 << 10
    /// Bytes of the body of an error.
    static let errorBytes = 64 << 10
    /// Unicode scalars of an upstream's message.
    static let messageLength = 2_000
    /// Nested levels of JSON.
    static let jsonDepth = 64
    /// Values of one event or response.
    static let jsonValues = 8_000_000
    /// Tool calls of a choice.
    package static let calls = 1_024
    /// Bytes of the arguments of a choice's calls that wait for an earlier call, or for the name of their own.
    package static let heldArguments = 4 << 20
    /// Bytes of a name or an id.
    static let nameBytes = 1_024
    /// Alternatives of a token with log probabilities.
    static let alternatives = 64
    /// Log probabilities that wait for their text.
    static let heldProbabilities = 4_096
    /// Bytes of an answer that is checked, or whose tokens are counted.
    package static let heldBytes = 1 << 20
    /// Requests for an answer whose form is wrong.
    static let attempts = 2
    /// Requests that are sent at the same time for one answer.
    package static let requests = 128
    /// Models of an upstream.
    package static let models = 10_000
    /// Models of an upstream that are asked for their properties, one request each.
    static let describedModels = 64
    /// Tokens of which each piece is asked for in a request of its own.
    static let singlePieces = 64
    /// The max number of tokens that an upstream may report.
    static let tokens = 1 << 40
    /// Seconds for a health check, and for each request that finds out the kind of an upstream.
    package static let checkSeconds = 10.0
    /// Seconds for a list of models, and for tokens.
    package static let shortSeconds = 30.0
    /// Seconds for the counts of an answer whose upstream reports none.
    static let countSeconds = 10.0
    /// The max seconds that an upstream may ask to wait.
    static let retrySeconds = 86_400
    /// Connections to a host that are open at the same time.
    static let connections = 4_096
    /// Bytes and seconds in which a response must end after its last event, so that the connection can serve another request.
    static let lastBytes = 64 << 10
    static let lastSeconds = 1.0
}
