import HTTPTypes
import NIOCore
import NIOHTTPTypes

/// Answers `Expect: 100-continue` with `100 Continue`, unless the announced body is too large. In that case the client gets the refusal and
/// need not send the body (RFC 9110, section 10.1.1). Uploaded files may have any size.
final class ExpectContinueHandler: ChannelInboundHandler, RemovableChannelHandler {
    typealias InboundIn = HTTPRequestPart
    typealias InboundOut = HTTPRequestPart
    typealias OutboundOut = HTTPResponsePart

    private let bodyLimit: Int
    private let routes: RouteTable

    /// - routes: determine which bodies are files.
    init(bodyLimit: Int, routes: RouteTable) {
        self.bodyLimit = bodyLimit
        self.routes = routes
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        if case .head(let head) = unwrapInboundIn(data), head.headerFields[.expect]?.lowercased() == "100-continue" {
            let announced = head.headerFields[.contentLength].flatMap { Int($0) } ?? 0
            if announced <= bodyLimit || routes.isUpload(head.method.rawValue, (head.path ?? "")[...]) {
                context.writeAndFlush(wrapOutboundOut(.head(HTTPResponse(status: .continue))), promise: nil)
            }
        }
        context.fireChannelRead(data)
    }
}
