import CChat
import ShimmyEngine

extension MemoryUse {
    /// Returns the memory use of a context and its model, as reported by llama.cpp.
    /// - outputs: the number of rows for which llama.cpp allocates logits, even if it computes embeddings. Its own figures omit this memory and the
    ///   tables of the vocabulary.
    init(_ context: OpaquePointer, vocabulary: Int, outputs: Int) {
        var (weights, cache, compute) = (0, 0, 0)
        cchat_memory(context, &weights, &cache, &compute)
        let handedOut = Self.handedOut(vocabulary: vocabulary, outputs: outputs)
        self.init(weights: weights, cache: cache, compute: compute + handedOut)
        var parts = [cchat_device_bytes](repeating: cchat_device_bytes(), count: Self.mostDevices)
        let count = cchat_device_memory(context, &parts, Int32(parts.count))
        for part in parts.prefix(Int(count)) { devices[String(cString: part.name), default: 0] += Int(part.bytes) }
        devices["CPU", default: 0] += handedOut
    }

    private static let mostDevices = 32
}
