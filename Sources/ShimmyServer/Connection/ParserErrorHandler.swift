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
    /// Whether the body of the newest request is incomplete.
    private var isBodyArriving = false
    /// Whether that body is broken, so that nothing behind it can be read. Its request is the last one of the connection.
    private var isBodyBroken = false
    /// Whether the head of the oldest answer is written.
    private var isAnswerBegun = false
    /// Whether the head of the last answer says that the connection closes.
    private var isCloseAnnounced = false
    /// Whether the last answer of the connection is complete.
    private var isOver = false

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        switch unwrapInboundIn(data) {
        case .head:
            unanswered += 1
            isBodyArriving = true
        case .body: break
        case .end: isBodyArriving = false
        }
        context.fireChannelRead(data)
    }

    func write(context: ChannelHandlerContext, data: NIOAny, promise: EventLoopPromise<Void>?) {
        // The framework would answer the same request again when it reads its body.
        if isOver {
            promise?.succeed()
            return
        }
        switch unwrapOutboundIn(data) {
        case .head where isBodyBroken && isAnswerBegun:
            isOver = true
            promise?.succeed()
            context.close(promise: nil)
        case .head(var head) where head.status.code >= 200:
            isAnswerBegun = true
            // `ConnectionLife` then closes the connection.
            if isBodyBroken && unanswered == 1 {
                head.headerFields[.connection] = "close"
                isCloseAnnounced = true
            }
            context.write(wrapOutboundOut(.head(head)), promise: promise)
        case .end:
            unanswered -= 1
            isAnswerBegun = false
            isOver = isBodyBroken && unanswered == 0
            guard isOver, !isCloseAnnounced else { return context.write(data, promise: promise) }
            context.writeAndFlush(data, promise: promise)
            context.close(promise: nil)
        default: context.write(data, promise: promise)
        }
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        // Too many bytes behind a handshake: the parser reads no further, so that they would take memory.
        if error is ByteToMessageDecoderError.PayloadTooLargeError { return context.close(promise: nil) }
        guard let error = error as? HTTPParserError, error != .invalidEOFState else { return context.fireErrorCaught(error) }
        if isBodyArriving {
            // Its request has its answer already.
            if unanswered == 0 { return context.close(promise: nil) }
            isBodyBroken = true
        }
        guard unanswered == 0 else { return context.fireErrorCaught(error) }
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
