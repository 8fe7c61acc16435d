package import ShimmyAPI

/// A finished request, or an answer that had no request of its own, for people who want to know why it took its time. Only its inspection contains
/// text of clients.
package struct RequestRecord: Sendable {
    /// The sender of a request.
    package struct Client: Sendable, Equatable {
        /// The name of the key, or the first digits of the owner's id for a key without a name; nil on a server without keys.
        package var key: String?
        /// The client's address; nil if it is unknown, as for the Unix socket.
        package var address: String?

        package init(key: String? = nil, address: String? = nil) {
            self.key = key
            self.address = address
        }
    }

    /// The number of the record since the server started, from 1.
    package internal(set) var number = 0
    /// The id of the request. Clients can choose it, so several records can have the same one.
    package let id: String
    package let method: String
    /// The pattern of the path, such as `/v1/models/{model}`; the path itself if no route serves it.
    package let endpoint: String
    package let api: API
    package let client: Client
    package let arrived: ContinuousClock.Instant
    /// The Unix time of the arrival in seconds.
    package let time: Double
    /// The seconds from the arrival to the end of the response.
    package let seconds: Double
    package let end: RequestEnd
    package let facts: RequestLife.Facts
    /// The texts of the request; nil unless the server inspects requests.
    package internal(set) var inspection: RequestInspection?

    /// - time: the Unix time now, at the end of the request.
    package init(
        id: String, method: String, endpoint: String, api: API, client: Client, arrived: ContinuousClock.Instant, time: Double, end: RequestEnd,
        facts: RequestLife.Facts, inspection: RequestInspection? = nil
    ) {
        self.id = id
        self.method = method
        self.endpoint = endpoint
        self.api = api
        self.client = client
        self.arrived = arrived
        seconds = max(0, (ContinuousClock.now - arrived) / .seconds(1))
        self.time = time - seconds
        self.end = end
        self.facts = facts
        self.inspection = inspection
    }
}
