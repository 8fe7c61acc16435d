import HTTPTypes
import Hummingbird
import Logging
import NIOCore
import ShimmyAPI
import ShimmyService

extension Response {
    /// Returns a stream of events. An error cannot change the status that was already sent, so that it becomes an event, and no [DONE]
    /// follows.
    /// - api: the API whose form the error has.
    static func events(
        _ context: ShimmyRequestContext, _ framing: StreamFraming = .unnamed, in api: API = .openAI,
        _ write: @escaping @concurrent @Sendable (inout any ResponseBodyWriter) async throws -> Void
    ) -> Response {
        .stream(framing) { writer in
            do {
                try await write(&writer)
            } catch let error where !(error is ChannelError) {
                let level: Logger.Level = error is CancellationError || error as? APIError == .cancelled ? .debug : .error
                context.logger.log(level: level, "stream failed", metadata: ["error": "\(error)"])
                let mapped = APIError(any: error)
                if mapped != .cancelled { context.life?.note(mapped) }
                let body = api.errors.body(of: mapped, requestID: context.requestID)
                try await writer.write(ByteBuffer(bytes: framing.frame(body)))
            }
        }
    }
}
