/// An error of a pull, with a description for people.
package enum HubError: Error, Equatable, CustomStringConvertible {
    case badAddress(String)
    /// The address is that of a web server that is not the hub.
    case otherHost(String, host: String)
    case offline
    /// The hub requires authentication. It also sends this status for repositories that do not exist.
    case unauthorized(String)
    case notFound(String)
    case rateLimited(retryAfter: Int)
    case unexpectedStatus(Int, String)
    case unreadable(String)
    /// The repository contains no model that can be run.
    case noModel(String)
    case noQuantization(String, available: [String])
    /// No model of the repository fits into memory. Sizes are in bytes.
    case tooLarge(String, needed: Int, available: Int)
    /// The disk has too little space. Sizes are in bytes.
    case diskFull(String, needed: Int, free: Int)
    case wrongHash(String, expected: String, found: String)
    /// A file or a list of files did not arrive. The next attempt continues if a part of the file is complete.
    case interrupted(String, reason: String, isResumable: Bool = false)
    /// Another pull is writing the same file.
    case busy(String)
    case cannotWrite(String, reason: String)

    package var description: String {
        switch self {
        case .badAddress(let text): "'\(text)' is not a repository; use USER/REPO, optionally followed by :QUANTIZATION, /FILE or @REVISION"
        case .otherHost(let text, let host):
            "'\(text)' is a file of \(host), but models are pulled from the Hugging Face hub; download the file and pass its path, or use USER/REPO"
        case .offline: "the hub is not available in offline mode; unset HF_HUB_OFFLINE to use it"
        case .unauthorized(let name): "\(name) is private, gated or does not exist; set HF_TOKEN to a token with access to it"
        case .notFound(let name): "\(name) does not exist on the hub"
        case .rateLimited(let seconds): "the hub's rate limit is reached; retry in \(seconds) s, or set HF_TOKEN for a higher limit"
        case .unexpectedStatus(let status, let url): "the hub answered \(status) for \(url)"
        case .unreadable(let what): "the hub's answer cannot be read: \(what)"
        case .noModel(let name): "\(name) contains neither GGUF nor SafeTensors files"
        case .noQuantization(let wanted, let available):
            "there is no \(wanted); "
                + (available.isEmpty ? "no file name contains a quantization" : "available: \(available.joined(separator: ", "))")
        case .tooLarge(let name, let needed, let available):
            "even the smallest model of \(name) needs about \(Self.gigabytes(needed)) of memory, but only \(Self.gigabytes(available)) are available;"
                + " name a quantization to pull it anyway"
        case .diskFull(let path, let needed, let free): "\(path) has \(free) bytes free, but \(needed) are needed"
        case .wrongHash(let file, let expected, let found): "\(file) was damaged during the download: its hash is \(found), expected \(expected)"
        case .interrupted(let file, let reason, let isResumable):
            "\(file) could not be downloaded: \(reason)" + (isResumable ? "; the downloaded part is kept for the next attempt" : "")
        case .busy(let file): "another pull is downloading \(file)"
        case .cannotWrite(let path, let reason): "\(path) cannot be written: \(reason)"
        }
    }

    private static func gigabytes(_ bytes: Int) -> String {
        let tenths = bytes / 100_000_000 + (bytes % 100_000_000 >= 50_000_000 ? 1 : 0)
        return "\(tenths / 10).\(tenths % 10) GB"
    }
}
