import HTTPTypes
import Hummingbird
import HummingbirdCore
import Logging
import NIOCore
import ShimmyAPI
import ShimmyChat
import ShimmyCore
import ShimmyService

/// `POST /v1/audio/…` and `POST /v1/images/…`: requests that upstream servers answer.
struct MediaRoutes: Sendable {
    let service: InferenceService
    let body: RequestReader

    var routes: [Route] {
        MediaRequest.Endpoint.allCases.map { endpoint in
            Route(.post, String(endpoint.rawValue.dropFirst("/v1".count)), .write) { try await forward($0, endpoint, $1) }
        }
    }

    private func forward(
        _ request: Request, _ endpoint: MediaRequest.Endpoint, _ context: ShimmyRequestContext
    ) async throws -> Response {
        let (media, bytes) = try await body.media(request, context, endpoint)
        let answer = try await context.untilDisconnected { [service, caller = context.caller] in try await service.forward(media, caller) }
        var response: Response
        switch answer.head.form {
        case .whole:
            let whole = try await context.untilDisconnected { try await answer.whole() }
            bytes.release()
            response = Response(status: .ok, headers: [.contentLength: "\(whole.count)"], body: ResponseBody(byteBuffer: ByteBuffer(bytes: whole)))
        case .events:
            response = .events(context) { writer in
                defer { bytes.release() }
                try await write(answer, context, to: &writer)
            }
        case .bytes:
            response = .stream(.unnamed) { writer in
                defer { bytes.release() }
                try await writeBytes(answer, context, to: &writer)
            }
        }
        let head = answer.head
        response.status = .init(code: head.status)
        for header in head.headers {
            if let name = HTTPField.Name(header.name) { response.headers[name] = header.value }
        }
        response.headers[.contentType] = head.contentType
        response.headers[.upstream] = ReportedNames.visible(head.upstream)
        return response
    }

    /// Writes the pieces of an answer as they arrive. If the client disconnects, the request at the upstream is closed.
    @concurrent private func write(
        _ answer: ForwardedMedia, _ context: ShimmyRequestContext, to writer: inout any ResponseBodyWriter
    ) async throws {
        let isGone = Signal()
        do {
            try await context.channel.onDisconnect({
                isGone.fire()
                answer.cancel()
            }) {
                while let bytes = try await answer.next() { try await writer.write(ByteBuffer(bytes: bytes)) }
            }
        } catch {
            answer.abandon()
            throw error is CancellationError && isGone.hasFired ? APIError.cancelled : error
        }
    }

    /// Writes an answer that has no place for an error: the connection is closed instead, so that the client does not take a part for the whole.
    @concurrent private func writeBytes(
        _ answer: ForwardedMedia, _ context: ShimmyRequestContext, to writer: inout any ResponseBodyWriter
    ) async throws {
        do {
            try await write(answer, context, to: &writer)
        } catch let error where !(error is ChannelError) {
            let mapped = APIError(any: error)
            if mapped != .cancelled {
                context.life?.noteBreak(mapped)
                context.logger.error("stream failed", metadata: ["error": "\(error)"])
            }
            throw error
        }
    }
}
