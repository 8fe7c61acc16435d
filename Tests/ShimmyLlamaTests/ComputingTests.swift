import CLlama
import Testing

/// Tests that compute. They run one after the other, because the installed kernels are global to the process. Tests of kernels uninstall them
/// at the end.
@Suite(.serialized)
enum ComputingTests {
    static let instructionSets = [SHIMMY_INSTRUCTIONS_AVX2, SHIMMY_INSTRUCTIONS_AVX_VNNI, SHIMMY_INSTRUCTIONS_AVX512_VNNI].filter {
        shimmy_kernels_supports($0)
    }

    static func withKernels(_ set: shimmy_instruction_set, _ body: () -> Void) {
        shimmy_kernels_install(set)
        body()
        shimmy_kernels_install(SHIMMY_INSTRUCTIONS_NONE)
    }

    static func squaredError(_ values: [Float], _ exact: [Double]) -> Double {
        zip(values, exact).reduce(0) { $0 + ($1.0.isFinite ? (Double($1.0) - $1.1) * (Double($1.0) - $1.1) : .infinity) }
    }
}
