package import AsyncHTTPClient
import Foundation
import NIOCore
import NIOHTTP1
import NIOPosix
import ShimmyCore
import ShimmyHTTP
import ShimmyJSON

/// A client of the hub's API: it lists a repository's files and fetches their bytes.
package struct HubClient: Sendable {
    package let endpoint: HubEndpoint
    let retry = RetryPolicy()
    private let http: HTTPClient
    private static let longestAnswer = 16 << 20
    private static let mostPages = 50
    private static let mostFiles = 100_000

    package init(endpoint: HubEndpoint, http: HTTPClient) {
        self.endpoint = endpoint
        self.http = http
    }

    /// Runs `body` with a client that has suitable timeouts for long downloads.
    /// - stall: seconds without received bytes after which a connection is closed.
    package static func withHTTP<Result>(
        endpoint: HubEndpoint, stall: Double = 30, _ body: (HubClient) async throws -> Result
    ) async throws -> Result {
        var configuration = HTTPClient.Configuration.guarded()
        configuration.redirectConfiguration = .follow(max: 5, allowCycles: false)
        configuration.timeout = .init(connect: .seconds(15), read: .milliseconds(Int64(stall * 1000)))
        configuration.connectionPool.concurrentHTTP1ConnectionsPerHostSoftLimit = 16
        let http = HTTPClient(configuration: configuration)
        do {
            let result = try await body(HubClient(endpoint: endpoint, http: http))
            try await http.shutdown()
            return result
        } catch {
            try? await http.shutdown()
            throw error
        }
    }

    /// Returns the commit of a revision, and all its files. Throws `HubError`.
    package func files(of address: HubAddress) async throws -> (commit: String, files: [HubFile]) {
        let repository = "\(endpoint.url)/api/models/\(address.repository)"
        let facts = try await json("\(repository)/revision/\(Self.encoded(address.revision))", of: address.repository).body
        guard let commit = facts["sha"]?.stringValue, HubAddress.isName(commit) else { throw HubError.unreadable("the revision has no commit hash") }
        var files: [HubFile] = []
        var page: String? = "\(repository)/tree/\(commit)?recursive=true"
        var pages = 0
        while let url = page, pages < Self.mostPages {
            pages += 1
            let (body, next) = try await json(url, of: address.repository)
            guard let entries = body.arrayValue else { throw HubError.unreadable("the list of files is not an array") }
            files += try entries.compactMap(HubFile.read)
            guard files.count <= Self.mostFiles else { throw HubError.unreadable("it lists more than \(Self.mostFiles) files") }
            page = next
        }
        return (commit, files)
    }

    /// Requests a range of a file, or the whole file if `range` is nil, without retries. Throws `HubError` or `PassingFault` for every
    /// status except 200 and 206.
    func bytes(of file: HubFile, in repository: String, commit: String, range: Range<Int>?) async throws -> HTTPClientResponse {
        let path = file.path.split(separator: "/").map { Self.encoded(String($0)) }.joined(separator: "/")
        var request = request("\(endpoint.url)/\(repository)/resolve/\(commit)/\(path)")
        if let range { request.headers.add(name: "range", value: "bytes=\(range.lowerBound)-\(range.upperBound - 1)") }
        // Byte positions in compressed data would differ.
        request.headers.add(name: "accept-encoding", value: "identity")
        let response = try await http.execute(request, deadline: .distantFuture)
        guard response.status == .ok || response.status == .partialContent else {
            throw Self.fault(response, "\(repository)/\(file.path)", request.url)
        }
        return response
    }

    private func json(_ url: String, of name: String) async throws -> (body: JSON, next: String?) {
        if endpoint.isOffline { throw HubError.offline }
        return try await retry.run(name) { try await answer(url, of: name) }
    }

    /// Makes one attempt of `json(_:of:)`.
    private func answer(_ url: String, of name: String) async throws -> (body: JSON, next: String?) {
        let response: HTTPClientResponse
        do {
            response = try await http.execute(request(url), timeout: .seconds(60))
        } catch let error where !Self.isCut(error) {
            try Task.checkCancellation()
            let reason = (error as? HTTPClientError).map { "does not answer (\($0.shortDescription))" } ?? "cannot be reached"
            throw HubError.interrupted(name, reason: "\(endpoint.url) \(reason)")
        }
        guard response.status == .ok else { throw Self.fault(response, name, url) }
        do {
            let body = try await response.body.collect(upTo: Self.longestAnswer)
            guard let json = try? JSON.parse(Array(body.readableBytesView)) else { throw HubError.unreadable("it is not JSON") }
            return (json, next(response.headers["link"]))
        } catch is NIOTooManyBytesError {
            throw HubError.unreadable("it is longer than \(Self.longestAnswer) bytes")
        }
    }

    /// Returns whether an established connection was lost. If no connection could be established, the HTTP client has already retried long
    /// enough.
    private static func isCut(_ error: any Error) -> Bool {
        switch error {
        case let error as HTTPClientError:
            let cuts: [HTTPClientError] = [.remoteConnectionClosed, .readTimeout, .writeTimeout, .deadlineExceeded, .cancelled]
            return cuts.contains(error)
        case is NIOConnectionError: return false
        case let error as IOError: return ![ECONNREFUSED, EHOSTUNREACH, ENETUNREACH, ETIMEDOUT].contains(error.errnoCode)
        default: return true
        }
    }

    private func request(_ url: String) -> HTTPClientRequest {
        var request = HTTPClientRequest(url: url)
        request.headers.add(name: "user-agent", value: "shimmy")
        // The HTTP client removes the header when it follows a redirect to another host.
        if let token = endpoint.token { request.headers.add(name: "authorization", value: "Bearer \(token)") }
        return request
    }

    /// Maps an HTTP status to an error. A busy or failing hub can be retried; errors about permissions or missing files would only repeat.
    private static func fault(_ response: HTTPClientResponse, _ name: String, _ url: String) -> any Error {
        let status = Int(response.status.code)
        switch status {
        case 401, 403: return HubError.unauthorized(name)
        case 404: return HubError.notFound(name)
        case 429:
            let wait = secondsToWait(response.headers) ?? 60
            return PassingFault(.rateLimited(retryAfter: wait), wait: wait)
        case 408, 500...599:
            let reason = HubError.unexpectedStatus(status, url).description
            return PassingFault(.interrupted(name, reason: reason), wait: secondsToWait(response.headers))
        default: return HubError.unexpectedStatus(status, url)
        }
    }

    /// Returns the seconds to wait that the hub asks for; nil if it sends none. A date is relative to the hub's own clock.
    private static func secondsToWait(_ headers: HTTPHeaders) -> Int? {
        let now = headers.first(name: "date").flatMap(HTTPDate.seconds) ?? Int(Date().timeIntervalSince1970)
        return headers.first(name: "retry-after").flatMap { RetryAfter.seconds($0, now: now) }
    }

    /// Returns the address marked `rel="next"` (RFC 8288), at this client's own endpoint; nil if there is none. A mirror passes on the
    /// hub's addresses, and the token must not be sent to another host.
    private func next(_ links: [String]) -> String? {
        for link in links.flatMap({ $0.split(separator: ",") }) where link.contains("rel=\"next\"") {
            guard let start = link.firstIndex(of: "<"), let end = link.firstIndex(of: ">"), start < end else { continue }
            let address = link[link.index(after: start)..<end]
            guard let path = address.firstRange(of: "/api/models/") else { return nil }
            return endpoint.url + address[path.lowerBound...]
        }
        return nil
    }

    private static func encoded(_ text: String) -> String { PercentEncoding.encoded(text, except: "-._~/") }
}
