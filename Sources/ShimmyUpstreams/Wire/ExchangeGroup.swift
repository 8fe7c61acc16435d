import AsyncHTTPClient

/// Requests to one upstream that one task reads together, in the order in which they have news.
final class ExchangeGroup: Sendable {
    enum News: Sendable {
        case piece(Int, Exchange.Piece)
        /// Nothing new; `nudge()` was called.
        case nudge
    }

    private let bell: Doorbell
    private let exchanges: [Exchange]

    init(_ requests: [HTTPClientRequest], _ client: HTTPClient, upstream: String, _ times: Exchange.Times) {
        let bell = Doorbell()
        self.bell = bell
        exchanges = requests.map { Exchange($0, client, upstream: upstream, times, bell) }
    }

    /// Waits for the next piece of one of the exchanges. Throws `UpstreamFailure`, or `CancellationError` once cancelled.
    /// - open: the indices of the exchanges that have not ended; at least one.
    func next(of open: [Int]) async throws -> News {
        try await withTaskCancellationHandler {
            while true {
                for index in open {
                    if let piece = try exchanges[index].take() { return .piece(index, piece) }
                }
                if await bell.wait() { return .nudge }
            }
        } onCancel: {
            cancel()
        }
    }

    func finish(_ index: Int) { exchanges[index].finish() }
    /// Closes one request.
    func close(_ index: Int) { exchanges[index].cancel() }
    /// Closes all requests. Any thread may call it.
    func cancel() { for exchange in exchanges { exchange.cancel() } }
    func nudge() { bell.nudge() }
}
