import ShimmyCore
import ShimmyEngine
import ShimmyFormats
import ShimmyLlama
import ShimmyModels
import Testing

extension ComputingTests {
    /// Comparison of the memory estimate from a header with llama.cpp's actual use.
    @Suite struct Memory {
        @Test(arguments: [512, 8192]) func aHeaderTellsWhatTheDefaultModelTakes(context: Int) throws {
            CPUKernels.install(.auto)
            let model = try LlamaModel(path: TestModel.path)
            let runner = try LlamaRunner(model: model, options: .init(contextLength: context, threads: 1, slots: 8))
            let estimate = MemoryEstimate(try GGUFHeader.read(path: TestModel.path)).use(contextLength: context, slots: 8)
            #expect(estimate.cache == runner.memory.cache)
            Self.expectAlike(estimate.compute, runner.memory.compute)
            // Without Shimmy's kernels the output layer is the embedding table itself, in the file's pages.
            if CPUKernels.instructionSet != nil { Self.expectAlike(estimate.weights, runner.memory.weights) }
            Self.expectAlike(estimate.total, runner.memory.total)
        }

        private static func expectAlike(_ estimate: Int, _ taken: Int) {
            #expect(abs(Double(estimate - taken)) <= 0.1 * Double(taken), "estimated \(estimate), taken \(taken)")
        }
    }
}
