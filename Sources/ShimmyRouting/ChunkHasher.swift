import ShimmyCore

/// Hashes a stream of bytes in chunks. The hash of a chunk depends on the seed and on all bytes before its end.
struct ChunkHasher {
    /// The number of bytes that are mixed at a time.
    static let blockBytes = 32
    /// The byte between the parts of a conversation. It does not occur in UTF-8.
    private static let separator: UInt8 = 0xFF

    private let limits: PromptChunks.Limits
    private let key: UInt64
    private var state: UInt64
    private var incomplete: [UInt8] = []

    private(set) var hashes: [UInt64] = []
    private(set) var bytes = 0

    init(model: String, seed: UInt64, limits: PromptChunks.Limits) {
        self.limits = limits
        key = Self.folded(seed ^ 0xA5B8_5C5E_198E_D849, 0x9E37_79B9_7F4A_7C15)
        state = seed
        for byte in model.utf8 { state = Self.folded(state ^ UInt64(byte) ^ key, 0xD6E8_FEB8_6659_FD93) }
    }

    mutating func endPart() {
        withUnsafeBytes(of: Self.separator) { add($0) }
    }

    mutating func add(_ added: UnsafeRawBufferPointer) {
        bytes = bytes.saturated(adding: added.count)
        var rest = added[...]
        while !rest.isEmpty, hashes.count < limits.chunks {
            if incomplete.isEmpty, rest.count >= limits.chunkBytes {
                mix(UnsafeRawBufferPointer(rebasing: rest.prefix(limits.chunkBytes)))
                rest = rest.dropFirst(limits.chunkBytes)
                continue
            }
            let taken = rest.prefix(limits.chunkBytes - incomplete.count)
            incomplete.append(contentsOf: taken)
            rest = rest.dropFirst(taken.count)
            guard incomplete.count == limits.chunkBytes else { continue }
            let chunk = incomplete
            incomplete.removeAll(keepingCapacity: true)
            chunk.withUnsafeBytes { mix($0) }
        }
    }

    private mutating func mix(_ chunk: UnsafeRawBufferPointer) {
        // Two independent products at a time, so that neither waits for the other.
        var (left, right) = (state, ~state)
        for offset in stride(from: 0, to: chunk.count, by: Self.blockBytes) {
            left = Self.folded(word(chunk, offset) ^ key, word(chunk, offset + 8) ^ left)
            right = Self.folded(word(chunk, offset + 16) ^ key, word(chunk, offset + 24) ^ right)
        }
        state = Self.folded(left ^ key, right ^ 0xE703_7ED1_A0B4_28DB ^ UInt64(hashes.count))
        hashes.append(state)
    }

    private func word(_ chunk: UnsafeRawBufferPointer, _ offset: Int) -> UInt64 { chunk.loadUnaligned(fromByteOffset: offset, as: UInt64.self) }

    /// Returns both halves of the product as one number.
    private static func folded(_ a: UInt64, _ b: UInt64) -> UInt64 {
        let (high, low) = a.multipliedFullWidth(by: b)
        return high ^ low
    }
}
