import AsyncHTTPClient
import Crypto
import Foundation
import NIOCore
import NIOHTTP1
import ShimmyCore
import Synchronization

/// Downloads one file. It fetches ranges in parallel, retries failed ones and resumes an earlier download. Then it checks the hash and
/// moves the file to its target path.
struct FileDownload: Sendable {
    struct Options: Sendable {
        var chunkBytes = 8 << 20
        var parallel = 4
    }

    let client: HubClient
    let repository: String
    let commit: String
    let file: HubFile
    let target: String
    var options = Options()

    private struct RangesIgnored: LastingFault {}

    /// Downloads the file. Throws `HubError`.
    /// - progress: called with the bytes received since the last call, possibly from several tasks at once.
    /// - verifying: called before the hash is checked.
    func run(progress: @escaping @Sendable (Int) -> Void, verifying: @escaping @Sendable () -> Void) async throws {
        let identity = "\(commit)/\(file.path) \(file.hash.text) \(options.chunkBytes)"
        let partial = try await WorkerPool.files.run { [self] _ in
            try PartialFile(for: target, identity: identity, size: file.size, chunkCount: chunkCount)
        }
        progress(partial.done.reduce(0) { $0 + range(ofChunk: $1).count })
        do {
            try await fetchMissing(to: partial, progress)
        } catch HubError.interrupted(let name, let reason, _) {
            let isResumable = try await WorkerPool.files.run { _ in partial.isResumable }
            throw HubError.interrupted(name, reason: reason, isResumable: isResumable)
        }
        verifying()
        try await WorkerPool.files.run(.slow) { [self] budget in
            try verify(partial, budget)
            try partial.place(at: target, size: file.size)
        }
    }

    /// The number of chunks of the file, whose size is at most `HubFile.mostBytes`.
    private var chunkCount: Int { (file.size + options.chunkBytes - 1) / options.chunkBytes }

    private func write(_ buffer: ByteBuffer, at position: Int, to partial: PartialFile) async throws {
        try await WorkerPool.files.run { _ in try buffer.withUnsafeReadableBytes { try partial.write($0, at: position) } }
    }

    private func range(ofChunk chunk: Int) -> Range<Int> {
        let start = chunk * options.chunkBytes
        return min(start, file.size)..<min(start + options.chunkBytes, file.size)
    }

    /// Fetches the chunks that are not complete, or the whole file from a server that does not support ranges.
    private func fetchMissing(to partial: PartialFile, _ progress: @escaping @Sendable (Int) -> Void) async throws {
        do {
            try await fetchChunks(to: partial, progress)
        } catch is RangesIgnored {
            try await fetchWhole(to: partial, progress)
        }
    }

    private func fetchChunks(to partial: PartialFile, _ progress: @escaping @Sendable (Int) -> Void) async throws {
        let waiting = ChunkQueue((0..<chunkCount).filter { !partial.done.contains($0) })
        try await withThrowingTaskGroup(of: Void.self) { group in
            for _ in 0..<options.parallel {
                group.addTask {
                    while let chunk = waiting.next() {
                        try await fetch(chunk, to: partial, progress)
                        try await WorkerPool.files.run { _ in try partial.finish(chunk: chunk) }
                    }
                }
            }
            try await group.waitForAll()
        }
    }

    /// Fetches one chunk. Each attempt continues where the previous connection broke off.
    private func fetch(_ chunk: Int, to partial: PartialFile, _ progress: @Sendable (Int) -> Void) async throws {
        let whole = range(ofChunk: chunk)
        var position = whole.lowerBound
        try await client.retry.run(file.path) { [self] () async throws -> Void? in
            let wanted = position..<whole.upperBound
            let response = try await client.bytes(of: file, in: repository, commit: commit, range: wanted)
            guard response.status == .partialContent || wanted == 0..<file.size else { throw RangesIgnored() }
            for try await buffer in response.body {
                guard buffer.readableBytes <= whole.upperBound - position else {
                    throw HubError.unreadable("\(file.path) is longer than its listed size")
                }
                let count = buffer.readableBytes
                try await write(buffer, at: position, to: partial)
                position += count
                progress(count)
            }
            return position == whole.upperBound ? () : nil
        }
    }

    /// Fetches the whole file from a server that does not support ranges.
    private func fetchWhole(to partial: PartialFile, _ progress: @Sendable (Int) -> Void) async throws {
        var told = 0
        try await client.retry.run(file.path) { () async throws -> Void? in
            var position = 0
            for try await buffer in try await client.bytes(of: file, in: repository, commit: commit, range: nil).body {
                guard buffer.readableBytes <= file.size - position else { throw HubError.unreadable("\(file.path) is longer than its listed size") }
                try await write(buffer, at: position, to: partial)
                position += buffer.readableBytes
                // Another attempt starts from the beginning. Bytes that were already reported are not reported again.
                if position > told { progress(position - told) }
                told = max(told, position)
            }
            return position == file.size ? () : nil
        }
    }

    private func verify(_ partial: PartialFile, _ budget: WorkBudget) throws {
        let found: String
        let expected = file.hash.text
        switch file.hash {
        case .sha256:
            var hash = SHA256()
            try partial.read({ hash.update(bufferPointer: $0) }, upTo: file.size, budget: budget)
            found = hash.finalize().hexadecimal
        case .gitBlob:
            var hash = Insecure.SHA1()
            hash.update(data: Data("blob \(file.size)\0".utf8))
            try partial.read({ hash.update(bufferPointer: $0) }, upTo: file.size, budget: budget)
            found = hash.finalize().hexadecimal
        }
        guard found == expected else {
            // The damaged chunk is unknown, so that the next attempt starts from the beginning.
            partial.discard()
            throw HubError.wrongHash(file.path, expected: expected, found: found)
        }
    }
}

/// The chunks that no task has started to fetch.
private final class ChunkQueue: Sendable {
    private let chunks: Mutex<ArraySlice<Int>>

    init(_ chunks: [Int]) { self.chunks = Mutex(chunks[...]) }

    func next() -> Int? { chunks.withLock { $0.popFirst() } }
}
