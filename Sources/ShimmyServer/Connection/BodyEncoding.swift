import CInflate
import NIOCore
import ShimmyAPI
import ShimmyCore

/// The encodings in which a body may arrive.
enum BodyEncoding: Sendable {
    case identity, gzip, deflate, zstd

    /// Throws a 415 that names an encoding that is not supported.
    init(header: String?) throws(APIError) {
        switch header?.trimmingSpaces.lowercased() {
        case nil, "", "identity": self = .identity
        case "gzip", "x-gzip": self = .gzip
        case "deflate": self = .deflate
        case "zstd" where shimmy_inflate_has_zstd() != 0: self = .zstd
        default: throw .unsupportedEncoding(header ?? "")
        }
    }

    /// Returns the decoded bytes, which count towards the same bounds. The encoded ones are given back.
    func decode(_ body: RequestBytes, _ budget: WorkBudget) throws -> RequestBytes {
        if self == .identity { return body }
        let encoded = body.take()
        defer { body.release() }
        let format = self == .zstd ? shimmy_inflate_zstd : shimmy_inflate_gzip_or_zlib
        if let decoded = try Inflation.decode(encoded, into: body.emptied(), format, budget) { return decoded }
        // Some clients send deflate without the header that HTTP asks for.
        if self == .deflate, let decoded = try Inflation.decode(encoded, into: body.emptied(), shimmy_inflate_raw, budget) { return decoded }
        throw APIError(status: 400, message: "The request's body is damaged: it is not \(self) data.", code: "invalid_encoding")
    }
}

/// Decompresses a piece at a time.
private enum Inflation {
    private static let pieceBytes = 64 << 10

    /// Nil for damaged data, or data in another format. Throws what `RequestBytes.append` throws.
    static func decode(_ encoded: [UInt8], into body: RequestBytes, _ format: shimmy_inflate_format, _ budget: WorkBudget) throws -> RequestBytes? {
        guard let inflate = shimmy_inflate_make(format) else { throw APIError.busy("there is no memory to decompress a body") }
        defer { shimmy_inflate_free(inflate) }
        var piece = [UInt8](repeating: 0, count: pieceBytes)
        var position = 0
        while true {
            try budget.check()
            var (used, written) = (0, 0)
            let status = encoded.withUnsafeBufferPointer { input in
                piece.withUnsafeMutableBufferPointer { output in
                    shimmy_inflate_step(
                        inflate, input.baseAddress.map { $0 + position }, input.count - position, &used, output.baseAddress, output.count, &written)
                }
            }
            position += used
            try body.append(ByteBuffer(bytes: piece[..<written]))
            switch status {
            case shimmy_inflate_end: return position == encoded.count ? body : nil
            case shimmy_inflate_more where used > 0 || written > 0: continue
            default: return nil
            }
        }
    }
}
