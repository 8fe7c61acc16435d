import HTTPTypes
import NIOCore
import NIOHTTP1
import NIOHTTPTypes
import ShimmyAPI
import ShimmyJSON

/// Answers a request that is not HTTP or has too large a head with an error object, as for other errors, and closes the connection. The
/// framework would answer with an empty 400.
final class ParserErrorHandler: ChannelDuplexHandler, RemovableChannelHandler {
    typealias InboundIn = HTTPRequestPart
    typealias InboundOut = HTTPRequestPart
    typealias OutboundIn = HTTPResponsePart
    typealias OutboundOut = HTTPResponsePart

    /// Requests whose answer is incomplete. The handler must not write a second answer into the middle of another.
    private var unanswered = 0

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        if case .head = unwrapInboundIn(data) { unanswered += 1 }
        context.fireChannelRead(data)
    }

    func write(context: ChannelHandlerContext, data: NIOAny, promise: EventLoopPromise<Void>?) {
        if case .end = unwrapOutboundIn(data) { unanswered -= 1 }
        context.write(data, promise: promise)
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        // Too many bytes behind a handshake: the parser reads no further, so that they would take memory.
        if error is ByteToMessageDecoderError.PayloadTooLargeError { return context.close(promise: nil) }
        guard let error = error as? HTTPParserError, unanswered == 0, error != .invalidEOFState else {
            context.fireErrorCaught(error)
            return
        }
        let answer = error == .headerOverflow ? APIError.headTooLarge : APIError.notHTTP
        let body = context.channel.allocator.buffer(bytes: answer.json.serialized())
        let headers: HTTPFields = [
            .contentType: "application/json", .contentLength: "\(body.readableBytes)", .connection: "close", .requestID: "req_" + RandomID.make(),
        ]
        context.write(wrapOutboundOut(.head(HTTPResponse(status: .init(code: answer.status), headerFields: headers))), promise: nil)
        context.write(wrapOutboundOut(.body(body)), promise: nil)
        context.writeAndFlush(wrapOutboundOut(.end(nil)), promise: nil)
        context.close(promise: nil)
    }
}
