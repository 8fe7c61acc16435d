import Foundation

/// A fingerprint of a file's content from samples of it. Reading all of a model would take seconds.
package enum FileFingerprint {
    /// The number of bytes to read at the beginning and at the end of a file: header, vocabulary, last weights.
    private static let ends = 1 << 20
    /// The number of samples between them, and the bytes of each. A few samples suffice, since further training changes a model's weights
    /// everywhere.
    private static let samples = (count: 64, bytes: 16 << 10)

    /// Returns the fingerprint of a file, or the path itself when the file cannot be read.
    package static func of(path: String) -> String {
        guard let file = FileHandle(forReadingAtPath: path), let length = try? file.seekToEnd() else { return path }
        defer { try? file.close() }
        let size = Int(length)
        let step = size / (samples.count + 1)
        var ranges = [(0, ends), (max(0, size - ends), ends)]
        for sample in 1...samples.count { ranges.append((sample * step, samples.bytes)) }
        var hash = Checksum.of(Array("\(size)".utf8))
        for (offset, count) in ranges {
            guard (try? file.seek(toOffset: UInt64(offset))) != nil, let bytes = try? file.read(upToCount: count) else { continue }
            hash = bytes.withUnsafeBytes { [hash] in Checksum.of($0, after: hash) }
        }
        return String(hash, radix: 16)
    }
}
