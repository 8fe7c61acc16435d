import CLlama
import Foundation
import ShimmyLlama
import Testing

extension ComputingTests {
    /// Tests with a real model of the distance between the next-token distributions and those of the same weights in single precision.
    @Suite struct Quality {
        struct Distance {
            /// The mean Kullback-Leibler divergence from the reference over all positions, in nats.
            var divergence = 0.0
            /// The natural logarithm of the perplexity of the text.
            var surprise = 0.0
        }

        /// Returns the beginnings of llama.cpp's documents. Throws if one cannot be read.
        static func texts() throws -> [String] {
            try ["README.md", "CONTRIBUTING.md", "docs/build.md", "docs/function-calling.md", "docs/multimodal.md", "docs/install.md"]
                .map { try String(contentsOfFile: LlamaSource.directory + "/" + $0, encoding: .utf8) }
        }

        @Test(.enabled(if: !ComputingTests.instructionSets.isEmpty, "this processor has no kernels"))
        func distributionsAreNoFartherFromSinglePrecisionThanOfGGML() throws {
            let set = try #require(ComputingTests.instructionSets.last)
            let path = TestModel.path
            _ = try LlamaModel(path: path, options: .init(vocabularyOnly: true))  // starts llama.cpp
            let single = FileManager.default.temporaryDirectory.appendingPathComponent("single-\(ProcessInfo.processInfo.processIdentifier).gguf")
                .path
            defer { try? FileManager.default.removeItem(atPath: single) }
            var parameters = llama_model_quantize_default_params()
            parameters.ftype = LLAMA_FTYPE_ALL_F32
            parameters.allow_requantize = true
            #expect(llama_model_quantize(path, single, &parameters) == 0)

            let reference = try Self.logits(of: single, cache: GGML_TYPE_F32, attention: LLAMA_FLASH_ATTN_TYPE_DISABLED)
            let theirs = try Self.logits(of: path, cache: GGML_TYPE_F16, attention: LLAMA_FLASH_ATTN_TYPE_ENABLED)
            var ours = theirs
            shimmy_kernels_install(set)
            defer { shimmy_kernels_install(SHIMMY_INSTRUCTIONS_NONE) }
            ours = try Self.logits(of: path, cache: GGML_TYPE_F16, attention: LLAMA_FLASH_ATTN_TYPE_ENABLED)

            // Six texts and three computations that differ; otherwise the bounds below would prove nothing.
            #expect(reference.tokens.count > 2000 && reference.rows.count == reference.tokens.count)
            #expect(ours.tokens == reference.tokens && theirs.tokens == reference.tokens)
            #expect(ours.rows != theirs.rows && theirs.rows != reference.rows)
            let (distance, distanceOfGGML) = (Self.distance(ours, from: reference), Self.distance(theirs, from: reference))
            #expect(distance.divergence <= distanceOfGGML.divergence)
            #expect(distance.surprise <= distanceOfGGML.surprise + 0.005)
        }

        /// Returns the texts' tokens and the logits after each of them.
        static func logits(of path: String, cache: ggml_type, attention: llama_flash_attn_type) throws -> (tokens: [llama_token], rows: [[Float]]) {
            let model = try LlamaModel(path: path)
            var all: (tokens: [llama_token], rows: [[Float]]) = ([], [])
            guard let loaded = llama_model_load_from_file(path, llama_model_default_params()) else { throw Failure() }
            defer { llama_model_free(loaded) }
            var parameters = llama_context_default_params()
            (parameters.n_ctx, parameters.n_batch, parameters.n_ubatch, parameters.n_outputs_max) = (512, 512, 512, 512)
            (parameters.n_threads, parameters.n_threads_batch) = (2, 2)
            (parameters.type_k, parameters.type_v, parameters.flash_attn_type) = (cache, cache, attention)
            guard let context = llama_init_from_model(loaded, parameters) else { throw Failure() }
            defer { llama_free(context) }
            for text in try texts() {
                let tokens = model.vocabulary.tokenize(String(text.prefix(3000)), addSpecial: true, parseSpecial: false).prefix(500)
                all.rows += try Self.logits(of: Array(tokens), context)
                all.tokens += tokens
            }
            return all
        }

        private static func logits(of tokens: [llama_token], _ context: OpaquePointer) throws -> [[Float]] {
            llama_memory_clear(llama_get_memory(context), true)
            var batch = llama_batch_init(Int32(tokens.count), 0, 1)
            defer { llama_batch_free(batch) }
            for (index, token) in tokens.enumerated() {
                batch.token[index] = token
                batch.pos[index] = Int32(index)
                batch.n_seq_id[index] = 1
                batch.seq_id[index]![0] = 0
                batch.logits[index] = 1
            }
            batch.n_tokens = Int32(tokens.count)
            guard llama_decode(context, batch) == 0 else { throw Failure() }
            let count = Int(llama_vocab_n_tokens(llama_model_get_vocab(llama_get_model(context))))
            return tokens.indices.map { Array(UnsafeBufferPointer(start: llama_get_logits_ith(context, Int32($0)), count: count)) }
        }

        static func distance(_ some: (tokens: [llama_token], rows: [[Float]]), from reference: (tokens: [llama_token], rows: [[Float]])) -> Distance {
            var distance = Distance()
            for (index, next) in reference.tokens.dropFirst().enumerated() {
                let (p, q) = (logarithms(reference.rows[index]), logarithms(some.rows[index]))
                distance.divergence += zip(p, q).reduce(0) { $0 + exp($1.0) * ($1.0 - $1.1) } / Double(reference.tokens.count - 1)
                distance.surprise -= q[Int(next)] / Double(reference.tokens.count - 1)
            }
            return distance
        }

        /// Returns the log probabilities.
        private static func logarithms(_ logits: [Float]) -> [Double] {
            let top = Double(logits.max()!)
            let total = log(logits.reduce(0.0) { $0 + exp(Double($1) - top) }) + top
            return logits.map { Double($0) - total }
        }

        struct Failure: Error {}
    }
}
