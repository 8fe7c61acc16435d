import NIOHTTP1
import ShimmyChat

/// A response that was read to its end.
struct WholeResponse: Sendable {
    var status = 0
    var headers = HTTPHeaders()
    var body: [UInt8] = []

    /// Reads the response of one exchange of a group. Of a response with an error, only the beginning of its body is kept.
    /// - response: the part that was already read.
    static func read(_ index: Int, of group: ExchangeGroup, after response: WholeResponse = WholeResponse(), upstream: String) async throws -> Self {
        var response = response
        while true {
            guard case .piece(_, let piece) = try await group.next(of: [index]) else { continue }
            switch piece {
            case .head(let status, let headers): (response.status, response.headers) = (status, headers)
            case .end: return response
            case .bytes(let bytes):
                let isError = response.status != 200
                let limit = isError ? UpstreamLimits.errorBytes : UpstreamLimits.responseBytes
                response.body += bytes.prefix(limit - response.body.count)
                if bytes.count > limit || response.body.count >= limit {
                    if isError { return response }
                    throw UpstreamFailure(upstream, .unreadable, "its answer is longer than \(limit) bytes")
                }
            }
        }
    }
}
