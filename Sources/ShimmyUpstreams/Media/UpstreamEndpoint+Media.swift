import AsyncHTTPClient
import NIOCore
import NIOHTTP1
package import ShimmyChat

extension UpstreamEndpoint {
    /// Sends a request for media. Returns when the head of the answer has arrived; later failures are thrown by the answer.
    package func forward(_ request: MediaRequest, model: String, context: UpstreamContext) async throws -> MediaAnswer {
        let path = request.endpoint.rawValue
        if !kind.makesMedia { throw lacks(path) }
        let call = try await MediaCall.make(request, model: model, settings: settings, user: context.user)
        var sent = try self.request(path, context: context)
        sent.method = .POST
        if let accept = request.accept, !sent.headers.contains(name: "accept") { sent.headers.add(name: "accept", value: accept) }
        switch call {
        case .json(let bytes):
            sent.headers.replaceOrAdd(name: "content-type", value: "application/json")
            sent.body = .bytes(ByteBuffer(bytes: bytes))
        case .form(let form):
            sent.headers.replaceOrAdd(name: "content-type", value: form.contentType)
            sent.body = .stream(form, length: .known(Int64(form.count)))
        }
        let group = try start([sent], answerTimes)
        do {
            let (status, headers) = try await head(of: group)
            guard (200..<300).contains(status) else { throw try await refusal(status, headers, group, path: path, model: model) }
            return answer(status, headers, group)
        } catch {
            group.cancel()
            throw error
        }
    }

    private func head(of group: ExchangeGroup) async throws -> (Int, HTTPHeaders) {
        while true {
            switch try await group.next(of: [0]) {
            case .piece(_, .head(let status, let headers)): return (status, headers)
            case .piece(_, .end): throw failure(.unreadable, "its answer has no head")
            case .piece(_, .bytes), .nudge: continue
            }
        }
    }

    // MARK: Answers

    /// The headers that are passed on beside the type of the content.
    private static let passedHeaders = [
        "content-disposition", "content-language", "openai-model", "openai-processing-ms", "openai-version", "x-shimmy-ignored-params",
    ]
    private static let headerBytes = 1_024

    private func answer(_ status: Int, _ headers: HTTPHeaders, _ group: ExchangeGroup) -> MediaAnswer {
        let type = headers.first(name: "content-type").flatMap { $0.utf8.count <= Self.headerBytes ? $0 : nil } ?? "application/octet-stream"
        let form = Self.form(of: type)
        let stream = MediaStream(group, form, upstream: settings.name)
        let passed = Self.passedHeaders.compactMap { name in
            headers.first(name: name).flatMap { $0.utf8.count <= Self.headerBytes ? MediaAnswer.Header(name: name, value: $0) : nil }
        }
        return MediaAnswer(
            upstream: settings.name, status: status, contentType: type, headers: passed, form: form, next: { try await stream.next() },
            cancel: { stream.cancel() }, usage: { stream.usage })
    }

    private static func form(of contentType: String) -> MediaAnswer.Form {
        let type = contentType.prefix { $0 != ";" }.filter { $0 != " " }.lowercased()
        if type == "text/event-stream" { return .events }
        return type == "application/json" || type.hasSuffix("+json") || type.hasPrefix("text/") ? .whole : .bytes
    }

    // MARK: Failures

    private func lacks(_ path: String, _ status: Int? = nil) -> UpstreamFailure {
        let how = status.map { " (status \($0))" } ?? ""
        return failure(.unsupported(field: "model"), "it has no route POST \(path) for this model\(how)")
    }

    /// Reads the body of an error, and returns the failure that it stands for. A route that the server does not have differs from a model that it
    /// does not have, for which the same status is common.
    private func refusal(_ status: Int, _ headers: HTTPHeaders, _ group: ExchangeGroup, path: String, model: String) async throws -> UpstreamFailure {
        var response = WholeResponse()
        (response.status, response.headers) = (status, headers)
        response = try await WholeResponse.read(0, of: group, after: response, upstream: settings.name)
        let failure = UpstreamFailure(settings.name, status: status, headers, body: response.body, key: settings.key)
        switch (status, failure.reason) {
        case (404, .refused(_, let param, let code)) where param == "model" || code == "model_not_found" || failure.message.contains(model):
            return failure
        case (404, _), (405, _), (501, _): return lacks(path, status)
        default: return failure
        }
    }
}
