import Crypto
import Foundation
package import HTTPTypes
package import NIOCore
package import ShimmyAPI

/// The opening handshake of a WebSocket (RFC 6455, section 4.2).
package enum WebSocketHandshake {
    /// Returns whether a request asks for a WebSocket.
    package static func isUpgrade(_ headers: HTTPFields) -> Bool { headers[.upgrade]?.lowercased().contains("websocket") == true }

    /// The version of RFC 6455, the only one.
    package static let version = "13"

    /// Returns the value of `Sec-WebSocket-Accept` for a request. Throws an error that names the header that is wrong: a 426 for the version, after
    /// which a client can try another one, and otherwise a 400.
    package static func accept(_ headers: HTTPFields) throws(APIError) -> String {
        let options = headers[.connection]?.lowercased().split(separator: ",").map(\.trimmingSpaces) ?? []
        guard options.contains("upgrade") else { throw .badHandshake("'Connection' is not 'Upgrade'.") }
        guard headers[.secWebSocketVersion] == version else { throw .wrongWebSocketVersion(version) }
        guard let key = headers[.secWebSocketKey], Data(base64Encoded: key)?.count == 16 else {
            throw .badHandshake("'Sec-WebSocket-Key' is not a key of 16 bytes in base64.")
        }
        return Data(Insecure.SHA1.hash(data: Array((key + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11").utf8))).base64EncodedString()
    }

    /// Returns the response that ends HTTP on the connection.
    package static func response(accept: String, requestID: String) -> ByteBuffer {
        ByteBuffer(
            string: "HTTP/1.1 101 Switching Protocols\r\nupgrade: websocket\r\nconnection: Upgrade\r\nsec-websocket-accept: \(accept)\r\n"
                + "x-request-id: \(requestID)\r\n\r\n")
    }
}
