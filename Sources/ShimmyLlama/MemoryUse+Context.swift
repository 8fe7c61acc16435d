import CChat
import ShimmyEngine

extension MemoryUse {
    /// Returns the memory use of a context and its model, as reported by llama.cpp.
    /// - outputs: the number of rows for which llama.cpp allocates logits, even if it computes embeddings. Its own figures omit this memory and the
    ///   tables of the vocabulary.
    init(_ context: OpaquePointer, vocabulary: Int, outputs: Int) {
        var (weights, cache, compute) = (0, 0, 0)
        cchat_memory(context, &weights, &cache, &compute)
        self.init(weights: weights, cache: cache, compute: compute + Self.handedOut(vocabulary: vocabulary, outputs: outputs))
    }
}
