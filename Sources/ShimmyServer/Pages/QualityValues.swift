/// The preferences of a client in a header such as `Accept` or `Accept-Encoding`: names with qualities from 0 to 1.
struct QualityValues: Sendable {
    private var qualities: [String: Double] = [:]

    /// The max bytes of a header that is read. A longer one counts as absent.
    private static let longest = 4096

    init(_ header: String?) {
        guard let header, header.utf8.count <= Self.longest else { return }
        for element in header.lowercased().split(separator: ",") {
            let parts = element.split(separator: ";").map { String($0.filter { $0 != " " && $0 != "\t" }) }
            guard let name = parts.first else { continue }
            let quality = parts.dropFirst().first { $0.hasPrefix("q=") }.map { Double($0.dropFirst(2)) ?? 0 } ?? 1
            qualities[name] = max(qualities[name] ?? 0, quality)
        }
    }

    /// The quality of a name that the header contains, in lower case; nil if the header does not contain it.
    subscript(name: String) -> Double? { qualities[name] }

    /// Whether the client accepts gzip, for `Accept-Encoding`.
    var takesGzip: Bool { (self["gzip"] ?? self["*"] ?? 0) > 0 }
}
