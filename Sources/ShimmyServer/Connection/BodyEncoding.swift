import CInflate
import NIOCore
import ShimmyAPI
import ShimmyCore

/// The supported content encodings of a request body.
enum BodyEncoding: Sendable {
    case identity, gzip, deflate, zstd

    /// Parses a Content-Encoding header. Throws a 415 that names the encoding if it is not supported.
    init(header: String?) throws(APIError) {
        switch header?.trimmingSpaces.lowercased() {
        case nil, "", "identity": self = .identity
        case "gzip", "x-gzip": self = .gzip
        case "deflate": self = .deflate
        case "zstd" where shimmy_inflate_has_zstd() != 0: self = .zstd
        default: throw .unsupportedEncoding(header ?? "")
        }
    }

    /// Returns the decoded bytes, which count towards the same limits, and releases the encoded ones.
    func decode(_ body: RequestBytes, _ budget: WorkBudget) throws -> RequestBytes {
        if self == .identity { return body }
        let encoded = body.take()
        defer { body.release() }
        let format = self == .zstd ? shimmy_inflate_zstd : shimmy_inflate_gzip_or_zlib
        if let decoded = try Inflation.decode(encoded, into: body.emptied(), format, budget) { return decoded }
        // Some clients send deflate data without the zlib header that HTTP requires.
        if self == .deflate, let decoded = try Inflation.decode(encoded, into: body.emptied(), shimmy_inflate_raw, budget) { return decoded }
        throw APIError(status: 400, message: "The request's body is damaged: it is not \(self) data.", code: "invalid_encoding")
    }
}

/// Decompresses a body piece by piece.
private enum Inflation {
    private static let pieceBytes = 64 << 10

    /// Returns the decompressed body; nil if the data is damaged or in another format. Throws the errors of `RequestBytes.append`.
    static func decode(_ encoded: [UInt8], into body: RequestBytes, _ format: shimmy_inflate_format, _ budget: WorkBudget) throws -> RequestBytes? {
        guard let inflate = shimmy_inflate_make(format) else { throw APIError.busy("there is not enough memory to decompress a body") }
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
