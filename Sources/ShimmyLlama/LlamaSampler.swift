import CLlama
import ShimmyCore

/// Draws tokens for one sequence. Its state is its own: neighbours in a batch never change a draw.
final class LlamaSampler {
    private let chain: UnsafeMutablePointer<llama_sampler>

    init(_ parameters: SamplingParameters) {
        var settings = llama_sampler_chain_default_params()
        settings.no_perf = true
        chain = llama_sampler_chain_init(settings)
        if parameters.temperature <= 0 {
            llama_sampler_chain_add(chain, llama_sampler_init_greedy())
            return
        }
        // OpenAI's order: the temperature shapes the distribution whose head top_p then keeps.
        llama_sampler_chain_add(chain, llama_sampler_init_temp(parameters.temperature))
        if parameters.topP < 1 { llama_sampler_chain_add(chain, llama_sampler_init_top_p(parameters.topP, 1)) }
        llama_sampler_chain_add(chain, llama_sampler_init_dist(Self.seed(parameters.seed)))
    }

    deinit { llama_sampler_free(chain) }

    /// Samples from the logits of output `index` of the last batch.
    func sample(_ context: OpaquePointer, at index: Int32) -> Token { llama_sampler_sample(chain, context, index) }

    /// llama.cpp's seeds have 32 bits, and one of them means "random": all 64 bits of a client's seed are folded in.
    private static func seed(_ seed: Int64?) -> UInt32 {
        guard let seed else { return UInt32.random(in: 0..<LLAMA_DEFAULT_SEED) }
        let bits = UInt64(bitPattern: seed)
        return UInt32(truncatingIfNeeded: bits ^ (bits >> 32)) % LLAMA_DEFAULT_SEED
    }
}

@available(*, unavailable)
extension LlamaSampler: Sendable {}
