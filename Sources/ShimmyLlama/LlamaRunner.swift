import CLlama
import Foundation
package import ShimmyCore
package import ShimmyEngine

/// Computes batches with a llama.cpp context. Confined to the engine thread that created it.
package final class LlamaRunner: ModelRunner {
    package struct Options: Sendable {
        /// The context length in tokens; nil for the model's trained length, limited to `EngineShape.defaultContextLimit`.
        package var contextLength: Int?
        /// The number of compute threads; nil for the number of physical cores.
        package var threads: Int?
        /// The maximum number of running sequences. The cache keeps more prefixes than that for later sequences.
        package var slots: Int

        /// Whether to compute with one thread fewer while another program needs its core. Sums can round differently then.
        package var adaptsThreads: Bool
        /// The paths of LoRA adapters, in the order of the indices in an `AdapterSet`.
        package var adapters: [String]

        package init(
            contextLength: Int? = nil, threads: Int? = nil, slots: Int = EngineShape.defaultSlots, adaptsThreads: Bool = true, adapters: [String] = []
        ) {
            self.adapters = adapters
            self.adaptsThreads = adaptsThreads
            self.contextLength = contextLength
            self.threads = threads
            self.slots = slots
        }
    }

    package let limits: RunnerLimits
    private let model: LlamaModel
    private let vocabulary: LlamaVocabulary
    private let adapters: [LlamaAdapter]
    /// The adapters that the context currently applies.
    private var applied = AdapterSet.none
    private let context: OpaquePointer
    private let threadpool: LlamaThreadpool
    private var batch: llama_batch
    private var governor: ThreadGovernor
    private let adaptsThreads: Bool
    /// The number of threads with which the context currently computes.
    private var threads: Int
    /// The running time after which client work on the worker pool counts as long.
    private static let longWork = Duration.milliseconds(5)
    private static let cores = ProcessInfo.processInfo.activeProcessorCount
    /// The tokens that end a generation (EOG), and the usual one of them; empty and nil for a model without such tokens.
    private let endTokens: Set<Token>
    private let endOfGeneration: Token?
    private var samplers: [SequenceID: SequenceSampler] = [:]
    /// The sequences with a constraint. The last one is the one whose mask was prepared most recently.
    private var constrained: [SequenceID] = []
    /// The threads that sample on all cores. Each of them has its own scratch buffer.
    private let samplingThreads: WorkerThreads
    private let scratches: [SamplerScratch]
    package private(set) var modelSeconds = 0.0

    /// Creates a context with one unified KV cache for all slots.
    /// Throws `LlamaError` if the model cannot generate, an adapter cannot be loaded, or `llama_init_from_model` returns NULL, usually because memory
    /// is insufficient.
    package init(model: LlamaModel, options: Options) throws {
        if let obstacle = model.generationObstacle { throw LlamaError(description: obstacle) }
        let shape = EngineShape.generation(contextLength: options.contextLength, trained: model.trainedContextLength, slots: options.slots)
        let threads = Int32(options.threads ?? ProcessorTopology.physicalCores)
        var parameters = llama_context_default_params()
        parameters.n_ctx = UInt32(shape.contextLength)
        parameters.n_batch = UInt32(shape.batchTokens)
        parameters.n_ubatch = UInt32(shape.batchTokens)
        parameters.n_seq_max = UInt32(shape.sequences)
        parameters.n_threads = threads
        parameters.n_threads_batch = threads
        parameters.kv_unified = true
        parameters.n_outputs_max = UInt32(shape.outputs)
        parameters.no_perf = true
        // Load adapters before the context is created: its graphs reserve room for the adapters that exist at that time.
        adapters = try options.adapters.map { try LlamaAdapter(path: $0, model: model) }
        guard let context = llama_init_from_model(model.pointer, parameters) else {
            throw LlamaError(description: "llama.cpp cannot create a context of \(shape.contextLength) tokens; its log says why")
        }
        self.model = model
        let vocabulary = model.vocabulary
        self.vocabulary = vocabulary
        let ends = vocabulary.endTokens
        endTokens = Set(ends)
        endOfGeneration = ends.first
        self.context = context
        threadpool = LlamaThreadpool.shared(threads: threads)
        threadpool.attach(to: context)
        samplingThreads = WorkerThreads(name: "sampling", count: Int(threads))
        scratches = (0..<samplingThreads.count).map { _ in SamplerScratch() }
        self.governor = ThreadGovernor(most: options.adaptsThreads ? Int(threads) : 1)
        self.adaptsThreads = options.adaptsThreads
        self.threads = Int(threads)
        self.batch = llama_batch_init(Int32(shape.batchTokens), 0, 1)
        // llama.cpp rounds the context length up. Clients get the requested length.
        self.limits = RunnerLimits(
            cells: shape.contextLength, contextLength: shape.contextLength, slots: shape.sequences, running: shape.running,
            batchTokens: shape.batchTokens, outputs: shape.outputs,
            canRewind: !model.isRecurrentOrHybrid, window: Int(llama_model_n_swa(model.pointer)))
    }

    /// The memory use of the model and this context.
    package var memory: MemoryUse { MemoryUse(context, vocabulary: vocabulary.tokenCount, outputs: limits.outputs) }

    deinit {
        samplingThreads.stop()
        llama_batch_free(batch)
        llama_detach_threadpool(context)
        llama_free(context)
    }

    package func isEndOfGeneration(_ token: Token) -> Bool { vocabulary.isEndOfGeneration(token) }

    package func addSequence(_ id: SequenceID, sampling: SequenceSampling) {
        let sampler = SequenceSampler(sampling, endOfGeneration: endOfGeneration, ends: endTokens)
        if !sampler.isUnconstrained { constrained.append(id) }
        samplers[id] = sampler
    }

    package func removeSequence(_ id: SequenceID) {
        if samplers.removeValue(forKey: id)?.isUnconstrained == false { constrained.removeAll { $0 == id } }
    }

    package func prepareDraws(within seconds: Double) -> Set<SequenceID> {
        if constrained.isEmpty { return [] }
        let deadline = ContinuousClock.now + .seconds(seconds)
        var unready: [SequenceID] = []
        for id in constrained where samplers[id]?.prepare(until: deadline) == false { unready.append(id) }
        // The first unready sequence used up the time. In the next step the others come before it.
        if let first = unready.first {
            constrained.removeAll { $0 == first }
            constrained.append(first)
        }
        return Set(unready)
    }

    package func perform(_ operation: CacheOperation) {
        let memory = llama_get_memory(context)
        switch operation {
        case .share(let source, let slot, let length):
            // In a unified cache the cells get a second owner; nothing is copied.
            llama_memory_seq_cp(memory, llama_seq_id(source), llama_seq_id(slot), 0, llama_pos(length.positions))
        case .truncate(let slot, let length):
            // A model that cannot rewind refuses a partial removal. The scheduler only requests complete ones for it.
            _ = llama_memory_seq_rm(memory, llama_seq_id(slot), llama_pos(length.positions), -1)
        case .save, .restore:
            preconditionFailure("the engine's loop saves and restores")
        }
    }

    package func firstPosition(slot: Int) -> Int { max(0, Int(llama_memory_seq_pos_min(llama_get_memory(context), llama_seq_id(slot)))) }

    package func state(slot: Int) -> [UInt8]? {
        let size = llama_state_seq_get_size(context, llama_seq_id(slot))
        guard size > 0 else { return nil }
        return [UInt8](unsafeUninitializedCapacity: size) { buffer, count in
            count = llama_state_seq_get_data(context, buffer.baseAddress, size, llama_seq_id(slot))
        }
    }

    package func restore(slot: Int, from state: [UInt8]) -> Bool {
        if llama_state_seq_set_data(context, state, state.count, llama_seq_id(slot)) > 0 { return true }
        perform(.truncate(slot: slot, length: 0))
        return false
    }

    package func takeLogprobs(of id: SequenceID) -> [TokenLogprobs] { samplers[id]?.takeLogprobs() ?? [] }

    package func rollBack(slot: Int, to length: PrefixLength) -> Bool {
        let memory = llama_get_memory(context)
        let position = llama_pos(length.positions)
        if llama_memory_seq_pos_max(memory, llama_seq_id(slot)) < position { return true }
        if llama_memory_seq_rm(memory, llama_seq_id(slot), position, -1) { return true }
        perform(.truncate(slot: slot, length: 0))
        return false
    }

    package func run(_ work: Batch) throws -> [ChunkResult] {
        // llama.cpp's batch and its buffer for logits have fixed sizes.
        guard work.rowCount <= limits.batchTokens, work.outputCount <= limits.outputs else {
            throw LlamaError(description: "a batch of \(work.rowCount) tokens with \(work.outputCount) outputs is too large")
        }
        try fill(with: work)
        apply(work.adapters)
        takeThreads()
        let begin = ContinuousClock.now
        let status = threadpool.decode(batch, in: context)
        modelSeconds = (ContinuousClock.now - begin) / .seconds(1)
        guard status == 0 else {
            throw LlamaError(description: "llama_decode failed with status \(status) for \(batch.n_tokens) tokens")
        }
        govern(work)
        var results = Array(repeating: ChunkResult(), count: work.chunks.count)
        var (sampling, draws) = ([Int](), [SequenceDraw]())
        var end = 0
        for (index, chunk) in work.chunks.enumerated() {
            let start = end
            end += chunk.rowCount
            _ = samplers[chunk.sequence]?.takeLogprobs()
            do {
                try score(chunk, startingAt: start)
                guard chunk.samples else { continue }
                draws.append(try draw(chunk, endingAt: end))
                sampling.append(index)
            } catch {
                results[index] = ChunkResult(failure: "\(error)")
            }
        }
        for (index, result) in zip(sampling, sample(draws)) { results[index] = result }
        return results
    }

    /// Applies an adapter set. If it differs, llama.cpp plans its memory again in the next `llama_decode`.
    private func apply(_ set: AdapterSet) {
        guard set != applied else { return }
        var pointers = set.members.map { Optional(adapters[$0.index].pointer) }
        var scales = set.members.map(\.scale)
        llama_set_adapters_lora(context, &pointers, pointers.count, &scales)
        applied = set
    }

    package var slowdown: Double { Double(governor.threads) / Double(freeThreads) }

    /// The number of threads for a step that begins now. Long client work occupies cores, and a thread that shares its core delays all the others.
    private var freeThreads: Int {
        let busy = adaptsThreads ? WorkerPool.input.running(longerThan: Self.longWork) : 0
        return min(governor.threads, max(1, Self.cores - busy))
    }

    private func takeThreads() {
        let wanted = freeThreads
        guard wanted != threads else { return }
        threads = wanted
        llama_set_n_threads(context, Int32(threads), Int32(threads))
    }

    private func govern(_ work: Batch) {
        // The duration of a step with fewer threads because of client work says nothing about other programs.
        guard threads == governor.threads else { return }
        governor.didStep(streams: work.chunks.count(where: \.continuesStream), rows: work.rowCount, seconds: modelSeconds)
    }

    /// Returns the sampling work of a chunk. Moves the sampler into it to avoid copies.
    private func draw(_ chunk: Batch.Chunk, endingAt end: Int) throws -> SequenceDraw {
        let rows = try (end - 1 - chunk.drafts..<end).map { row in
            guard let logits = llama_get_logits_ith(context, Int32(row)) else {
                throw LlamaError(description: "no logits for \(chunk.sequence)")
            }
            return UnsafeBufferPointer(start: logits, count: vocabulary.tokenCount)
        }
        guard let sampler = samplers.removeValue(forKey: chunk.sequence) else {
            throw LlamaError(description: "no sampler for \(chunk.sequence)")
        }
        return SequenceDraw(sequence: chunk.sequence, sampler: sampler, rows: rows, draft: chunk.tokens.suffix(chunk.drafts))
    }

    /// The minimum number of sequences to sample in parallel. Fewer are sampled before a thread wakes up.
    private static let worthSharing = 4

    private func sample(_ draws: [SequenceDraw]) -> [ChunkResult] {
        var draws = draws
        // Constraints are confined to the engine thread.
        let unconstrained = draws.indices.filter { draws[$0].sampler.isUnconstrained }
        let ends = endTokens
        draws.withUnsafeMutableBufferPointer { buffer in
            // Only one thread at a time accesses each element and each scratch buffer.
            nonisolated(unsafe) let (draws, scratches) = (buffer, scratches)
            let active = unconstrained.count < Self.worthSharing ? 1 : threads
            samplingThreads.perform(unconstrained.count, active: active) { piece, thread in
                draws[unconstrained[piece]].run(with: scratches[thread], ends: ends)
            }
            for index in draws.indices where !draws[index].sampler.isUnconstrained { draws[index].run(with: scratches[0], ends: ends) }
        }
        for draw in draws { samplers[draw.sequence] = draw.sampler }
        return draws.map { draw in
            draw.obstacle.map { ChunkResult(failure: $0.description) } ?? ChunkResult(tokens: draw.tokens, isExhausted: draw.isExhausted)
        }
    }

    private func score(_ chunk: Batch.Chunk, startingAt start: Int) throws {
        guard let scores = chunk.scores else { return }
        if scores.areAlternatives {
            guard let logits = llama_get_logits_ith(context, Int32(start + scores.firstRow)) else {
                throw LlamaError(description: "no logits after the prompt of \(chunk.sequence)")
            }
            samplers[chunk.sequence]?.score(
                alternatives: scores.tokens, UnsafeBufferPointer(start: logits, count: vocabulary.tokenCount))
            return
        }
        for (row, token) in zip((start + scores.firstRow)..., scores.tokens) {
            guard let logits = llama_get_logits_ith(context, Int32(row)) else {
                throw LlamaError(description: "no logits of the prompt of \(chunk.sequence)")
            }
            samplers[chunk.sequence]?.score(token, UnsafeBufferPointer(start: logits, count: vocabulary.tokenCount))
        }
    }

    private func fill(with work: Batch) throws {
        var index = 0
        for chunk in work.chunks {
            guard case .tokens(let tokens) = chunk.content else {
                throw LlamaError(description: "\(chunk.sequence) has media, which this model cannot compute")
            }
            for (offset, token) in tokens.enumerated() {
                batch.token[index] = token
                batch.pos[index] = llama_pos(chunk.start.positions + offset)
                batch.n_seq_id[index] = 1
                batch.seq_id[index]![0] = llama_seq_id(chunk.slot)
                let samplesAfter = offset >= tokens.count - chunk.drafts - 1
                let isScored = chunk.scores.map { (0..<$0.rowCount).contains(offset - $0.firstRow) } ?? false
                batch.logits[index] = chunk.samples && samplesAfter || isScored ? 1 : 0
                index += 1
            }
        }
        batch.n_tokens = Int32(index)
    }
}

@available(*, unavailable)
extension LlamaRunner: Sendable {}
