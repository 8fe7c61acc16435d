import CChat
import ShimmyCore

extension MemoryUse {
    /// What a context and its model take, as llama.cpp tells it.
    /// - outputs: rows that llama.cpp has room for logits of, which it makes for vectors, too; its own reckoning leaves them out, as it does the
    ///   vocabulary's tables.
    init(_ context: OpaquePointer, vocabulary: Int, outputs: Int) {
        var (weights, cache, compute) = (0, 0, 0)
        cchat_memory(context, &weights, &cache, &compute)
        self.init(weights: weights, cache: cache, compute: compute + Self.handedOut(vocabulary: vocabulary, outputs: outputs))
    }
}
