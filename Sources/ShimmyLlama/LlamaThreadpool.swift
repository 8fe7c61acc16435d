import CLlama
import Synchronization

/// ggml's worker threads, kept between steps. Without a pool, ggml starts new threads for every step.
///
/// Engines with the same number of threads share one pool. After a step, ggml's workers spin for a while before they sleep. The workers of a separate
/// pool would occupy the cores of the engine whose turn it is.
final class LlamaThreadpool: Sendable {
    private struct Weak { weak var pool: LlamaThreadpool? }

    private static let pools = Mutex<[Int32: Weak]>([:])

    nonisolated(unsafe) private let pointer: OpaquePointer?
    /// ggml's pools compute one graph at a time and do not check this themselves.
    private let computing = Mutex(())

    private init(threads: Int32) {
        var parameters = ggml_threadpool_params_default(threads)
        // Spin as long as the pause between two steps, some milliseconds. ggml's default is fifty times as long and keeps the core from other
        // programs.
        parameters.poll = 1
        pointer = ggml_threadpool_new(&parameters)
    }

    deinit { ggml_threadpool_free(pointer) }

    /// Returns the process's pool for this number of threads, which includes the calling thread.
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

    /// Computes a batch in a context to which this pool is attached. Returns llama.cpp's status, which is 0 for success.
    func decode(_ batch: llama_batch, in context: OpaquePointer) -> Int32 {
        computing.withLock { _ in
            let status = llama_decode(context, batch)
            llama_synchronize(context)
            return status
        }
    }
}
