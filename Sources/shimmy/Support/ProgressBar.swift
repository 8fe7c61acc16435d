#if canImport(Glibc)
    import Glibc
#else
    import Darwin
#endif

/// A progress display on standard error: a bar on a terminal, a line for every 10 % in a pipe.
struct ProgressBar {
    private let title: String
    private let isTerminal: Bool
    private var shown = -1

    init(_ title: String) {
        self.title = title
        isTerminal = isatty(2) == 1
    }

    mutating func update(_ done: Int, of total: Int) {
        // The numbers may come from a server and have any value.
        let percent = total > 0 ? Int(min(max(0, Double(done) / Double(total)), 1) * 100) : 100
        guard isTerminal ? percent != shown : percent / 10 != shown / 10 || shown < 0 else { return }
        shown = percent
        if isTerminal {
            let filled = percent * 30 / 100
            let bar = String(repeating: "#", count: filled) + String(repeating: ".", count: 30 - filled)
            Console.log("\r\(title) [\(bar)] \(percent) % of \(Console.size(total))", terminator: percent == 100 ? "\n" : "")
        } else {
            Console.log("\(title): \(percent) % of \(Console.size(total))")
        }
    }
}
