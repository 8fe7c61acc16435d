import NIOCore
import ShimmyServer

/// Targets that read what clients send over a WebSocket.
let frameTargets: [Target] = [
    // The first byte determines the limit of a message and how the rest is split. The split must not change the result.
    Target(name: "frames") { bytes in
        guard let first = bytes.first else { return }
        let limit = [16, 200, 4096, 1 << 16][Int(first >> 6)]
        let whole = ReadFrames(bytes.dropFirst(), size: bytes.count, limit: limit)
        Harness.require(whole == ReadFrames(bytes.dropFirst(), size: Int(first & 63) + 1, limit: limit), "messages depend on how their bytes arrive")
        for message in whole.messages {
            Harness.require(String(validating: message, as: UTF8.self) != nil, "a message is not UTF-8")
        }
    }
]

/// What a reader makes of bytes that arrive in pieces.
private struct ReadFrames: Equatable {
    /// The complete messages.
    private(set) var messages: [[UInt8]] = []
    /// The payloads of pings, and the codes of close frames, in order.
    private var controls: [[UInt8]] = []
    /// The code with which the reader closes the connection; nil if it does not.
    private var end: UInt16?

    init(_ bytes: ArraySlice<UInt8>, size: Int, limit: Int) {
        var (reader, buffer, rest, message) = (WebSocketReader(limit: limit), ByteBuffer(), bytes, [UInt8]())
        while true {
            do throws(WebSocketClose) {
                while let event = try reader.next(&buffer) {
                    take(event, &message)
                    Harness.require(message.count <= limit, "a message exceeds its limit")
                }
            } catch {
                end = error.code
                return
            }
            if rest.isEmpty { return }
            buffer.writeBytes(rest.prefix(size))
            rest = rest.dropFirst(size)
        }
    }

    private mutating func take(_ event: WebSocketReader.Event, _ message: inout [UInt8]) {
        switch event {
        case .text(let part, let isLast):
            message += Self.bytes(of: part)
            if !isLast { return }
            messages.append(message)
            message = []
        case .ping(let payload): controls.append(Self.bytes(of: payload))
        case .pong: break
        case .close(let code): controls.append(code.map { [UInt8($0 >> 8), UInt8($0 & 255)] } ?? [])
        }
    }

    private static func bytes(of buffer: ByteBuffer) -> [UInt8] { buffer.getBytes(at: buffer.readerIndex, length: buffer.readableBytes) ?? [] }
}
