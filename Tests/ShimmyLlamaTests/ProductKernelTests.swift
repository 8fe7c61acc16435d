import CLlama
import ShimmyLlama
import ShimmyTestSupport
import Testing

extension ComputingTests {
    @Suite struct Products {
        static let formats: [ggml_type] = [
            GGML_TYPE_Q4_0, GGML_TYPE_Q4_1, GGML_TYPE_Q5_0, GGML_TYPE_Q5_1, GGML_TYPE_Q8_0, GGML_TYPE_Q2_K, GGML_TYPE_Q3_K, GGML_TYPE_Q4_K,
            GGML_TYPE_Q5_K, GGML_TYPE_Q6_K, GGML_TYPE_IQ4_NL, GGML_TYPE_IQ4_XS, GGML_TYPE_F16, GGML_TYPE_BF16, GGML_TYPE_MXFP4,
        ]

        /// Returns row widths for a format. They are multiples of 256 only if the format requires it.
        static func widths(_ type: ggml_type) -> [Int] { ggml_blck_size(type) == 256 ? [256, 768, 2048] : [32, 576, 1024] }

        @Test func everyFormatIsOffered() {
            guard !ComputingTests.instructionSets.isEmpty else { return }
            #expect(Set(CPUKernels.formats) == Set(Self.formats.map { String(cString: ggml_type_name($0)) }))
        }

        /// The sum of squared errors relative to a product in double precision is small over all shapes and numbers of rows.
        @Test(arguments: formats, ComputingTests.instructionSets)
        func errorIsNoLargerThanOfGGML(_ type: ggml_type, _ set: shimmy_instruction_set) {
            var random = SeededGenerator(seed: UInt64(type.rawValue))
            var (ours, theirs) = (0.0, 0.0)
            for width in Self.widths(type) {
                for (rows, count) in [(16, 1), (40, 3), (131, 8), (64, 64)] {
                    let weights = KernelGraph.Weights(type, width: width, rows: rows, random: &random)
                    var activations = KernelGraph.normal(width * count, deviation: 1, &random)
                    for index in stride(from: 7, to: activations.count, by: 501) { activations[index] *= 20 }  // outliers, as in real models
                    let exact = Self.exactProduct(weights, activations)
                    let reference = KernelGraph.multiply(weights, activations, place: .ggml, threads: 2)
                    ComputingTests.withKernels(set) {
                        ours += ComputingTests.squaredError(KernelGraph.multiply(weights, activations, place: .kernels, threads: 2), exact)
                    }
                    theirs += ComputingTests.squaredError(reference, exact)
                }
            }
            #expect(ours > 0)
            #expect(ours < theirs)
        }

        @Test(arguments: formats, ComputingTests.instructionSets)
        func aRowIsTheSameInEveryCompanyAndOnAnyNumberOfThreads(_ type: ggml_type, _ set: shimmy_instruction_set) {
            var random = SeededGenerator(seed: 100 + UInt64(type.rawValue))
            let width = Self.widths(type)[1], rows = 83
            let weights = KernelGraph.Weights(type, width: width, rows: rows, random: &random)
            let activations = KernelGraph.normal(width * 64, deviation: 1, &random)
            ComputingTests.withKernels(set) {
                let alone = (0..<64).flatMap { row in
                    KernelGraph.multiply(weights, Array(activations[row * width..<(row + 1) * width]), place: .kernels, threads: 1)
                }
                for count in [1, 2, 3, 4, 5, 6, 7, 8, 9, 11, 15, 16, 17, 31, 33, 48, 63, 64] {
                    let first = Int.random(in: 0...64 - count, using: &random)
                    let slice = Array(activations[first * width..<(first + count) * width])
                    let together = KernelGraph.multiply(weights, slice, place: .kernels, threads: 1 + count % 8)
                    #expect(together == Array(alone[first * rows..<(first + count) * rows]), "\(count) rows on \(1 + count % 8) threads")
                }
            }
        }

        @Test(arguments: [GGML_TYPE_Q4_K, GGML_TYPE_Q8_0, GGML_TYPE_MXFP4], ComputingTests.instructionSets)
        func expertsGetTheirOwnRows(_ type: ggml_type, _ set: shimmy_instruction_set) {
            var random = SeededGenerator(seed: 7)
            let (width, rows, experts, tokens) = (512, 48, 6, 37)
            let weights = KernelGraph.Weights(type, width: width, rows: rows, matrices: experts, random: &random)
            let activations = KernelGraph.normal(width * tokens, deviation: 1, &random)
            let routes = (0..<tokens).map { _ in Array((0..<Int32(experts)).shuffled(using: &random).prefix(2)) }
            let matrixBytes = weights.blocks.count / experts
            ComputingTests.withKernels(set) {
                let routed = KernelGraph.multiply(weights, activations, experts: routes, place: .kernels, threads: 3)
                var single = KernelGraph.Weights(type, width: width, rows: rows, random: &random)
                for (token, route) in routes.enumerated() {
                    let row = Array(activations[token * width..<(token + 1) * width])
                    for (place, expert) in route.enumerated() {
                        single.blocks = Array(weights.blocks[Int(expert) * matrixBytes..<(Int(expert) + 1) * matrixBytes])
                        let expected = KernelGraph.multiply(single, row, place: .kernels, threads: 1)
                        let start = (token * 2 + place) * rows
                        #expect(Array(routed[start..<start + rows]) == expected)
                    }
                }
            }
        }

        static func exactProduct(_ weights: KernelGraph.Weights, _ activations: [Float]) -> [Double] {
            let values = weights.values
            return (0..<activations.count / weights.width).flatMap { x in
                (0..<weights.rows).map { row in
                    var sum = 0.0
                    for column in 0..<weights.width {
                        sum += Double(values[row * weights.width + column]) * Double(activations[x * weights.width + column])
                    }
                    return sum
                }
            }
        }
    }
}
