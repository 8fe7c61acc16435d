import CLlama
import ShimmyTestSupport

/// An attention operation over a KV cache, with the inputs of ggml's operation.
struct AttentionGraph {
    var keyWidth = 64, valueWidth = 64
    var heads = 6, headsOfCache = 2
    var cells = 96
    var type = GGML_TYPE_F16
    var scale: Float = 0.125
    var maxBias: Float = 0, cap: Float = 0
    var hasSinks = false

    /// Keys and values by head of the cache, then cell, rounded to the cache's type.
    var keys: [Float] = [], values: [Float] = []
    var sinks: [Float] = []
    /// Queries by head, then token.
    var queries: [Float] = []
    /// For each token, the terms that are added to the scores of the cells: 0, or minus infinity for cells that it does not see. Negative distances
    /// with ALiBi.
    var mask: [[Float]] = []

    var tokens: Int { mask.count }

    mutating func fill(_ random: inout SeededGenerator) {
        keys = rounded(KernelGraph.normal(headsOfCache * cells * keyWidth, deviation: 1, &random), width: keyWidth)
        values = rounded(KernelGraph.normal(headsOfCache * cells * valueWidth, deviation: 1, &random), width: valueWidth)
        queries = KernelGraph.normal(heads * tokens * keyWidth, deviation: 1.5, &random)
        sinks = KernelGraph.normal(heads, deviation: 1, &random)
    }

    private func rounded(_ floats: [Float], width: Int) -> [Float] {
        let bytes = encoded(floats, width: width)
        return [Float](unsafeUninitializedCapacity: floats.count) { out, count in
            ggml_get_type_traits(type).pointee.to_float(bytes, out.baseAddress!, Int64(floats.count))
            count = floats.count
        }
    }

    private func encoded(_ floats: [Float], width: Int) -> [UInt8] {
        var bytes = [UInt8](repeating: 0, count: ggml_row_size(type, Int64(floats.count)))
        _ = ggml_quantize_chunk(type, floats, &bytes, 0, Int64(floats.count / width), Int64(width), nil)
        return bytes
    }

    /// Returns the result by token, then head, computed by the installed kernels or by ggml.
    func compute(threads: Int) -> [Float] {
        let parameters = ggml_init_params(mem_size: ggml_tensor_overhead() * 16 + ggml_graph_overhead(), mem_buffer: nil, no_alloc: true)
        let context = ggml_init(parameters)!
        let backend = ggml_backend_cpu_init()!
        let q = ggml_new_tensor_3d(context, GGML_TYPE_F32, Int64(keyWidth), Int64(tokens), Int64(heads))!
        let k = ggml_new_tensor_3d(context, type, Int64(keyWidth), Int64(cells), Int64(headsOfCache))!
        let v = ggml_new_tensor_3d(context, type, Int64(valueWidth), Int64(cells), Int64(headsOfCache))!
        let m = ggml_new_tensor_2d(context, GGML_TYPE_F16, Int64(cells), Int64(tokens))!
        let s = ggml_new_tensor_1d(context, GGML_TYPE_F32, Int64(heads))!
        let result = ggml_flash_attn_ext(context, q, k, v, m, scale, maxBias, cap)!
        if hasSinks { ggml_flash_attn_ext_add_sinks(result, s) }
        let buffer = ggml_backend_alloc_ctx_tensors_from_buft(context, ggml_backend_cpu_buffer_type())
        defer {
            ggml_backend_buffer_free(buffer)
            ggml_backend_free(backend)
            ggml_free(context)
        }
        set(q, queries.withUnsafeBytes(Array.init))
        set(k, encoded(keys, width: keyWidth))
        set(v, encoded(values, width: valueWidth))
        set(m, mask.flatMap { $0 }.map { ggml_fp32_to_fp16($0) }.withUnsafeBytes(Array.init))
        set(s, sinks.withUnsafeBytes(Array.init))
        let graph = ggml_new_graph(context)
        ggml_build_forward_expand(graph, result)
        ggml_backend_cpu_set_n_threads(backend, Int32(threads))
        precondition(ggml_backend_graph_compute(backend, graph) == GGML_STATUS_SUCCESS)
        return [Float](unsafeUninitializedCapacity: tokens * heads * valueWidth) { out, count in
            count = tokens * heads * valueWidth
            ggml_backend_tensor_get(result, out.baseAddress!, 0, count * 4)
        }
    }

    private func set(_ tensor: UnsafeMutablePointer<ggml_tensor>, _ bytes: [UInt8]) { ggml_backend_tensor_set(tensor, bytes, 0, bytes.count) }

    /// The result in double precision.
    var exact: [Double] {
        let group = heads / headsOfCache
        return (0..<tokens).flatMap { token in
            (0..<heads).flatMap { head -> [Double] in
                let query = (0..<keyWidth).map { Double(queries[(head * tokens + token) * keyWidth + $0]) }
                let scores = (0..<cells).map { cell -> Double in
                    if mask[token][cell] == -.infinity { return -.infinity }
                    let key = (head / group * cells + cell) * keyWidth
                    var score = (0..<keyWidth).reduce(0.0) { $0 + query[$1] * Double(keys[key + $1]) } * Double(scale)
                    if cap != 0 { score = Double(cap) * Self.tanh(score / Double(cap)) }
                    return score + Double(mask[token][cell]) * slope(head)
                }
                let top = max(scores.max()!, hasSinks ? Double(sinks[head]) : -.infinity)
                let weights = scores.map { Self.exp($0 - top) }
                let total = weights.reduce(0, +) + (hasSinks ? Self.exp(Double(sinks[head]) - top) : 0)
                return (0..<valueWidth).map { column in
                    (0..<cells).reduce(0.0) { $0 + weights[$1] * Double(values[(head / group * cells + $1) * valueWidth + column]) } / total
                }
            }
        }
    }

    /// Returns ALiBi's slope of a head, for a number of heads that is a power of two.
    private func slope(_ head: Int) -> Double {
        maxBias == 0 ? 1 : Self.exp(-Double(maxBias) / Double(heads) * Double(head + 1) * 0.6931471805599453)
    }

    private static func tanh(_ x: Double) -> Double { 1 - 2 / (exp(2 * x) + 1) }

    /// Returns e^x from its series, with the argument halved until the series is exact to the last digits. The tests do not link a math library.
    private static func exp(_ x: Double) -> Double {
        if x < -700 { return 0 }
        let halved = x / 1024
        var (term, sum) = (1.0, 1.0)
        for n in 1...12 {
            term *= halved / Double(n)
            sum += term
        }
        for _ in 0..<10 { sum *= sum }
        return sum
    }
}
