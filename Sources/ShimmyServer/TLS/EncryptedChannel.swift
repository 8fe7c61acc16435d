import HummingbirdCore
import Logging
import NIOCore
import NIOHTTP2
import NIOSSL
import NIOTLS

/// Sets up accepted connections with TLS. The client chooses HTTP/2 or HTTP/1.1 during the handshake (ALPN).
struct EncryptedChannel: ServerChildChannel {
    enum Connection: Sendable {
        case http1(ConnectionChannel.Value)
        case http2(StreamChannel.Streams)
    }

    struct Value: ServerChildChannelValue {
        let channel: any Channel
        /// Fails if the handshake does.
        let connection: EventLoopFuture<Connection>
    }

    let http1: ConnectionChannel
    let identity: TLSIdentity
    private let http2: StreamChannel
    private let plainRequests = PlainRequestLog()

    init(_ http1: ConnectionChannel, identity: TLSIdentity) {
        self.http1 = http1
        self.identity = identity
        http2 = StreamChannel(http1)
    }

    func setup(channel: any Channel, logger: Logger) -> EventLoopFuture<Value> {
        channel.eventLoop.makeCompletedFuture {
            guard http1.admits(channel) else {
                // A handshake would cost more than the refusal is worth.
                channel.close(promise: nil)
                return Value(channel: channel, connection: channel.eventLoop.makeFailedFuture(IOError.disconnected))
            }
            let negotiation = NIOTypedApplicationProtocolNegotiationHandler<Connection> { [http1, http2] result, channel in
                channel.eventLoop.makeCompletedFuture { () throws -> Connection in
                    switch result {
                    case .negotiated("h2"): .http2(try http2.setUp(channel, logger))
                    default: .http1(try http1.setUp(channel, logger, isEncrypted: true))
                    }
                }
            }
            let pipeline = channel.pipeline.syncOperations
            try pipeline.addHandler(NIOSSLServerHandler(context: identity.context))
            try pipeline.addHandler(TLSConnection(handshakeTime: http1.use.limits.requestTime, plainRequests: plainRequests, logger: logger))
            try pipeline.addHandler(negotiation)
            return Value(channel: channel, connection: negotiation.protocolNegotiationResult)
        }
    }

    func handle(value: Value, logger: Logger) async {
        switch try? await value.connection.get() {
        case .http1(let channel)?: await http1.handle(value: channel, logger: logger)
        case .http2(let streams)?: await http2.handle(streams, of: value.channel, logger)
        case nil: break
        }
    }
}
