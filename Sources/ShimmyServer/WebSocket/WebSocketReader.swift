package import NIOCore

/// Reads the frames of a WebSocket's client (RFC 6455, section 5) as their bytes arrive.
///
/// It passes the parts of a message on before the message is complete, so that the bytes of a large message count towards the server's memory limit
/// from the first one on. (`WebSocketFrameDecoder` of SwiftNIO holds a frame until it is complete.)
package struct WebSocketReader {
    package enum Event: Equatable {
        /// A part of a text message.
        case text(ByteBuffer, isLast: Bool)
        case ping(ByteBuffer)
        case pong
        /// - code: the client's code; nil if the frame has none.
        case close(code: UInt16?)
    }

    private struct Frame {
        let opcode: UInt8
        let isFinal: Bool
        let mask: [UInt8]
        /// Bytes of the payload that have not arrived.
        var remaining: Int
        /// Bytes of the payload that were read.
        var offset = 0
    }

    private enum Opcode {
        static let continuation: UInt8 = 0
        static let text: UInt8 = 1
        static let binary: UInt8 = 2
        static let close: UInt8 = 8
        static let ping: UInt8 = 9
        static let pong: UInt8 = 10
    }

    private static let longestControl = 125

    /// The max bytes of a message.
    private let limit: Int
    /// The frame whose payload is being read; nil between frames.
    private var frame: Frame?
    /// Whether a message has begun and is not complete.
    private var isInMessage = false
    /// Bytes of the current message, with the whole of its newest frame.
    private var messageBytes = 0
    private var check = UTF8Check()

    /// - limit: the max bytes of a message.
    package init(limit: Int) { self.limit = limit }

    /// Removes bytes from the beginning of `bytes` and returns what they mean; nil if more bytes are needed. Throws the reason to close the
    /// connection if the client violates the protocol; the reader must not be used any more then.
    package mutating func next(_ bytes: inout ByteBuffer) throws(WebSocketClose) -> Event? {
        if frame == nil { frame = try readHead(&bytes) }
        guard let current = frame else { return nil }
        if current.opcode >= Opcode.close {
            guard var payload = bytes.readSlice(length: current.remaining) else { return nil }
            frame = nil
            Self.unmask(&payload, current)
            return try control(current.opcode, &payload)
        }
        return try data(current, &bytes)
    }

    // MARK: Heads

    /// Reads the head of a frame; nil if it is incomplete.
    private mutating func readHead(_ bytes: inout ByteBuffer) throws(WebSocketClose) -> Frame? {
        let start = bytes.readerIndex
        guard let first: UInt8 = bytes.getInteger(at: start), let second: UInt8 = bytes.getInteger(at: start + 1) else { return nil }
        let opcode = first & 0x0F
        try checkHead(first, opcode, isMasked: second & 0x80 != 0, length: second & 0x7F)
        var (index, length) = (start + 2, UInt64(second & 0x7F))
        if length == 126 {
            guard let long = bytes.getInteger(at: index, as: UInt16.self) else { return nil }
            (index, length) = (index + 2, UInt64(long))
        } else if length == 127 {
            guard let long = bytes.getInteger(at: index, as: UInt64.self) else { return nil }
            (index, length) = (index + 8, long)
        }
        let isData = opcode < Opcode.close
        if isData, length > UInt64(max(0, limit - messageBytes)) { throw .tooLarge(limit: limit) }
        guard let mask = bytes.getBytes(at: index, length: 4) else { return nil }
        bytes.moveReaderIndex(to: index + 4)
        if isData { messageBytes += Int(length) }
        return Frame(opcode: opcode, isFinal: first & 0x80 != 0, mask: mask, remaining: Int(length))
    }

    private func checkHead(_ first: UInt8, _ opcode: UInt8, isMasked: Bool, length: UInt8) throws(WebSocketClose) {
        if first & 0x70 != 0 { throw .broken("A frame uses an extension that was not negotiated.") }
        if !isMasked { throw .broken("A frame is not masked.") }
        switch opcode {
        case Opcode.continuation where isInMessage, Opcode.text where !isInMessage: break
        case Opcode.continuation, Opcode.text: throw .broken("A frame does not continue the message before it.")
        case Opcode.binary: throw .notText
        case Opcode.close, Opcode.ping, Opcode.pong:
            if first & 0x80 == 0 || length > UInt8(Self.longestControl) { throw .broken("A control frame is too long or fragmented.") }
        default: throw .broken("A frame has an unknown opcode.")
        }
    }

    // MARK: Payloads

    private mutating func data(_ current: Frame, _ bytes: inout ByteBuffer) throws(WebSocketClose) -> Event? {
        var current = current
        let count = min(current.remaining, bytes.readableBytes)
        guard count > 0 || current.remaining == 0, var payload = bytes.readSlice(length: count) else { return nil }
        Self.unmask(&payload, current)
        current.remaining -= count
        current.offset += count
        let isLast = current.remaining == 0 && current.isFinal
        let isText = payload.withUnsafeReadableBytes { check.take($0) }
        if !isText || (isLast && !check.isComplete) { throw .notUTF8 }
        frame = current.remaining == 0 ? nil : current
        isInMessage = !isLast
        if isLast { messageBytes = 0 }
        return .text(payload, isLast: isLast)
    }

    private func control(_ opcode: UInt8, _ payload: inout ByteBuffer) throws(WebSocketClose) -> Event {
        if opcode == Opcode.ping { return .ping(payload) }
        if opcode == Opcode.pong { return .pong }
        if payload.readableBytes == 0 { return .close(code: nil) }
        guard let code = payload.readInteger(as: UInt16.self), Self.isAllowed(code) else { throw .broken("A close frame has an invalid code.") }
        var check = UTF8Check()
        guard payload.withUnsafeReadableBytes({ check.take($0) }), check.isComplete else { throw .notUTF8 }
        return .close(code: code)
    }

    /// Returns whether a client may send a code. The others are reserved.
    private static func isAllowed(_ code: UInt16) -> Bool {
        switch code {
        case 1000...1003, 1007...1014, 3000...4999: true
        default: false
        }
    }

    private static func unmask(_ payload: inout ByteBuffer, _ frame: Frame) {
        let (mask, offset) = (frame.mask, frame.offset)
        payload.withUnsafeMutableReadableBytes { bytes in
            for index in bytes.indices { bytes[index] ^= mask[(index &+ offset) & 3] }
        }
    }
}

/// The frames that the server sends. They are complete and not masked.
enum WebSocketFrames {
    static func text(_ bytes: [UInt8]) -> ByteBuffer { frame(1, ByteBuffer(bytes: bytes)) }
    static func ping() -> ByteBuffer { frame(9, ByteBuffer()) }
    static func pong(_ payload: ByteBuffer) -> ByteBuffer { frame(10, payload) }

    static func close(_ code: UInt16, _ reason: String) -> ByteBuffer {
        var payload = ByteBuffer()
        payload.writeInteger(code)
        payload.writeBytes(reason.utf8.prefix(123))
        return frame(8, payload)
    }

    private static func frame(_ opcode: UInt8, _ payload: ByteBuffer) -> ByteBuffer {
        let count = payload.readableBytes
        var frame = ByteBuffer()
        frame.reserveCapacity(count + 10)
        frame.writeInteger(0x80 | opcode)
        if count < 126 {
            frame.writeInteger(UInt8(count))
        } else if count <= Int(UInt16.max) {
            frame.writeInteger(126 as UInt8)
            frame.writeInteger(UInt16(count))
        } else {
            frame.writeInteger(127 as UInt8)
            frame.writeInteger(UInt64(count))
        }
        frame.writeImmutableBuffer(payload)
        return frame
    }
}
