import CLlama
import Synchronization

/// ggml's worker threads, kept between steps: without a pool ggml starts them anew for every step.
///
/// Engines that compute with as many threads share one pool. After a step ggml's workers spin for a while before they sleep, and those of an
/// engine that waits for its turn would take the cores from the one that has it.
final class LlamaThreadpool: Sendable {
    private struct Weak { weak var pool: LlamaThreadpool? }

    private static let pools = Mutex<[Int32: Weak]>([:])

    nonisolated(unsafe) private let pointer: OpaquePointer?
    /// ggml's pools compute one graph at a time, and do not check it.
    private let computing = Mutex(())

    private init(threads: Int32) {
        var parameters = ggml_threadpool_params_default(threads)
        // Long enough for what comes between two steps, some milliseconds; ggml's own choice is fifty times that, in which a core is lost to others.
        parameters.poll = 1
        pointer = ggml_threadpool_new(&parameters)
    }

    deinit { ggml_threadpool_free(pointer) }

    /// The pool of the process for so many threads, the caller's among them.
    static func shared(threads: Int32) -> LlamaThreadpool {
        pools.withLock { pools in
            if let pool = pools[threads]?.pool { return pool }
            let pool = LlamaThreadpool(threads: threads)
            pools[threads] = Weak(pool: pool)
            return pool
        }
    }

    func attach(to context: OpaquePointer) {
        if let pointer { llama_attach_threadpool(context, pointer, pointer) }
    }

    /// Computes a batch in a context that this pool is attached to, and returns llama.cpp's status, which is 0 when all went well.
    func decode(_ batch: llama_batch, in context: OpaquePointer) -> Int32 {
        computing.withLock { _ in
            let status = llama_decode(context, batch)
            llama_synchronize(context)
            return status
        }
    }
}
