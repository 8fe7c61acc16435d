import CInflate

@testable import ShimmyTracing

/// Targets that read the headers and the compressed bodies of requests.
let requestTargets: [Target] = [
    // The first byte determines the format and the size of the pieces that the output is split into. The size must not change the result.
    Target(name: "inflate") { bytes in
        guard let first = bytes.first else { return }
        let format = [shimmy_inflate_gzip_or_zlib, shimmy_inflate_raw, shimmy_inflate_zstd][Int(first & 3) % 3]
        if format == shimmy_inflate_zstd, shimmy_inflate_has_zstd() == 0 { return }
        let body = Array(bytes.dropFirst())
        let (whole, pieces) = (inflated(body, format, piece: 64 << 10), inflated(body, format, piece: 16 * (Int(first >> 2) + 1)))
        Harness.require(whole == pieces, "the decompressed bytes depend on the size of the output")
    },
    // The first byte is the number of the lines that are values of `traceparent`; the other lines are values of `tracestate`.
    Target(name: "trace") { bytes in
        guard let first = bytes.first else { return }
        let parts = bytes.dropFirst().split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false)
        let lines = parts.map { String(decoding: $0, as: UTF8.self) }
        let count = Int(first % 3)
        guard let context = TraceContext(traceparent: Array(lines.prefix(count)), tracestate: Array(lines.dropFirst(count))) else { return }
        Harness.require(context.traceparent.utf8.count == 55, "a header of another length is sent on")
        Harness.require(context.state.utf8.count <= TraceState.longest, "a state beyond the limit is sent on")
        let states = context.state.isEmpty ? [] : [context.state]
        Harness.require(TraceContext(traceparent: [context.traceparent], tracestate: states) == context, "headers that are sent on change")
    },
]

/// Returns the decompressed bytes, as the server reads a body; nil if they are damaged, or are more than the limit.
private func inflated(_ input: [UInt8], _ format: shimmy_inflate_format, piece size: Int) -> [UInt8]? {
    guard let inflate = shimmy_inflate_make(format) else { return nil }
    defer { shimmy_inflate_free(inflate) }
    var (output, piece, position) = ([UInt8](), [UInt8](repeating: 0, count: size), 0)
    while output.count <= 1 << 20 {
        var (used, written) = (0, 0)
        let status = input.withUnsafeBufferPointer { input in
            piece.withUnsafeMutableBufferPointer { output in
                shimmy_inflate_step(
                    inflate, input.baseAddress.map { $0 + position }, input.count - position, &used, output.baseAddress, output.count, &written)
            }
        }
        Harness.require(used <= input.count - position && written <= size, "more bytes than there are")
        position += used
        output += piece[..<written]
        switch status {
        case shimmy_inflate_end: return position == input.count && output.count <= 1 << 20 ? output : nil
        case shimmy_inflate_more where used > 0 || written > 0: continue
        default: return nil
        }
    }
    return nil
}
