/// The hashes of a prompt's chunks. Each hash covers all bytes up to the end of its chunk, so that two prompts have a hash in common only if they
/// begin with the same bytes.
///
/// The bytes after the last complete chunk and those beyond `Limits.chunks` have no hash.
package struct PromptChunks: Hashable, Sendable {
    package struct Limits: Hashable, Sendable {
        /// The number of bytes in a chunk: about 128 tokens of English text.
        package var chunkBytes: Int
        /// The max number of hashed chunks. Prompts that differ only after them count as equal.
        package var chunks: Int

        package init(chunkBytes: Int = 512, chunks: Int = 512) {
            precondition(chunkBytes >= ChunkHasher.blockBytes && chunkBytes.isMultiple(of: ChunkHasher.blockBytes) && chunks > 0)
            self.chunkBytes = chunkBytes
            self.chunks = chunks
        }
    }

    package let hashes: [UInt64]
    /// The number of bytes in the whole prompt.
    package let bytes: Int
    package let chunkBytes: Int

    /// Hashes a conversation.
    ///
    /// - parts: the bytes of its messages. A prompt that continues another one has the same first parts.
    /// - model: the model that computes the prompt. Prompts for different models share no prefix.
    /// - seed: a random number of the process, so that clients cannot construct prompts with equal hashes.
    package init(_ parts: some Sequence<[UInt8]>, model: String = "", seed: UInt64, limits: Limits = Limits()) {
        var hasher = ChunkHasher(model: model, seed: seed, limits: limits)
        for part in parts {
            part.withUnsafeBytes { hasher.add($0) }
            hasher.endPart()
        }
        self.init(hasher, limits)
    }

    /// Hashes a rendered conversation.
    package init(rendered text: String, model: String = "", seed: UInt64, limits: Limits = Limits()) {
        var hasher = ChunkHasher(model: model, seed: seed, limits: limits)
        var text = text
        text.withUTF8 { hasher.add(UnsafeRawBufferPointer($0)) }
        self.init(hasher, limits)
    }

    private init(_ hasher: ChunkHasher, _ limits: Limits) {
        hashes = hasher.hashes
        bytes = hasher.bytes
        chunkBytes = limits.chunkBytes
    }
}
