import CLlama
import ShimmyTestSupport

/// A product of weights and activations as a ggml graph, computed with the kernels or by ggml.
enum KernelGraph {
    enum Place {
        case kernels, ggml

        var bufferType: ggml_backend_buffer_type_t {
            switch self {
            case .kernels: shimmy_kernels_buffer_type()
            case .ggml: ggml_backend_cpu_buffer_type()
            }
        }
    }

    /// Weights in one format: `matrices` matrices of `rows` by `width`, as blocks of the format.
    struct Weights {
        let type: ggml_type
        let width: Int, rows: Int, matrices: Int
        var blocks: [UInt8]

        init(_ type: ggml_type, width: Int, rows: Int, matrices: Int = 1, random: inout SeededGenerator) {
            (self.type, self.width, self.rows, self.matrices) = (type, width, rows, matrices)
            let values = KernelGraph.normal(width * rows * matrices, deviation: 0.05, &random)
            blocks = [UInt8](repeating: 0, count: ggml_row_size(type, Int64(width)) * rows * matrices)
            _ = ggml_quantize_chunk(type, values, &blocks, 0, Int64(rows * matrices), Int64(width), nil)
        }

        /// The exact values of the blocks.
        var values: [Float] {
            let rowBytes = ggml_row_size(type, Int64(width))
            return [Float](unsafeUninitializedCapacity: width * rows * matrices) { out, count in
                blocks.withUnsafeBytes { bytes in
                    for row in 0..<rows * matrices {
                        ggml_get_type_traits(type).pointee.to_float(bytes.baseAddress! + row * rowBytes, out.baseAddress! + row * width, Int64(width))
                    }
                }
                count = width * rows * matrices
            }
        }
    }

    static func normal(_ count: Int, deviation: Float, _ random: inout SeededGenerator) -> [Float] {
        (0..<count).map { _ in
            // The sum of twelve uniform numbers is close enough to a normal distribution.
            deviation * ((0..<12).reduce(Float(-6)) { sum, _ in sum + Float.random(in: 0..<1, using: &random) })
        }
    }

    /// Returns the products of the rows of activations and the weights: `rows` values per row of activations.
    static func multiply(_ weights: Weights, _ activations: [Float], place: Place, threads: Int) -> [Float] {
        compute(weights, place: place, threads: threads) { context, matrix in
            let x = ggml_new_tensor_2d(context, GGML_TYPE_F32, Int64(weights.width), Int64(activations.count / weights.width))!
            return (ggml_mul_mat(context, matrix, x), [(x, activations.withUnsafeBytes(Array.init))])
        }
    }

    /// Returns the products of each row of `activations` (one token) and the matrices listed in its row of `experts`.
    static func multiply(_ weights: Weights, _ activations: [Float], experts: [[Int32]], place: Place, threads: Int) -> [Float] {
        compute(weights, place: place, threads: threads) { context, matrix in
            let x = ggml_new_tensor_3d(context, GGML_TYPE_F32, Int64(weights.width), 1, Int64(experts.count))!
            let ids = ggml_new_tensor_2d(context, GGML_TYPE_I32, Int64(experts[0].count), Int64(experts.count))!
            let inputs = [(x, activations.withUnsafeBytes(Array.init)), (ids, experts.flatMap { $0 }.withUnsafeBytes(Array.init))]
            return (ggml_mul_mat_id(context, matrix, x, ids), inputs)
        }
    }

    private typealias Tensor = UnsafeMutablePointer<ggml_tensor>

    private static func compute(
        _ weights: Weights, place: Place, threads: Int, _ build: (OpaquePointer, Tensor) -> (Tensor, [(Tensor, [UInt8])])
    ) -> [Float] {
        let parameters = ggml_init_params(mem_size: ggml_tensor_overhead() * 16 + ggml_graph_overhead(), mem_buffer: nil, no_alloc: true)
        let (weightContext, context) = (ggml_init(parameters)!, ggml_init(parameters)!)
        let backend = ggml_backend_cpu_init()!
        let matrix = ggml_new_tensor_3d(weightContext, weights.type, Int64(weights.width), Int64(weights.rows), Int64(weights.matrices))!
        let weightBuffer = ggml_backend_alloc_ctx_tensors_from_buft(weightContext, place.bufferType)
        ggml_backend_tensor_set(matrix, weights.blocks, 0, weights.blocks.count)
        let (result, inputs) = build(context, matrix)
        let buffer = ggml_backend_alloc_ctx_tensors_from_buft(context, ggml_backend_cpu_buffer_type())
        for (tensor, bytes) in inputs { ggml_backend_tensor_set(tensor, bytes, 0, bytes.count) }
        defer {
            ggml_backend_buffer_free(buffer)
            ggml_backend_buffer_free(weightBuffer)
            ggml_backend_free(backend)
            ggml_free(context)
            ggml_free(weightContext)
        }
        let graph = ggml_new_graph(context)
        ggml_build_forward_expand(graph, result)
        ggml_backend_cpu_set_n_threads(backend, Int32(threads))
        precondition(ggml_backend_graph_compute(backend, graph) == GGML_STATUS_SUCCESS)
        return [Float](unsafeUninitializedCapacity: Int(ggml_nelements(result))) { values, count in
            count = Int(ggml_nelements(result))
            ggml_backend_tensor_get(result, values.baseAddress!, 0, count * 4)
        }
    }
}
