import ShimmyTerminal

#if canImport(Glibc)
    import Glibc
#else
    import Darwin
#endif

/// Writes to the standard streams at once and whole: pipes get a line when it is said, not when a buffer is full.
enum Console {
    static func print(_ text: String, terminator: String = "\n") { write(text + terminator, to: 1) }

    static func error(_ text: String) { write("error: " + text + "\n", to: 2) }

    static func log(_ line: String, terminator: String = "\n") { write(line + terminator, to: 2) }

    private static func write(_ text: String, to descriptor: Int32) {
        var rest = Array(text.utf8)[...]
        while !rest.isEmpty {
            let written = rest.withUnsafeBytes { unistdWrite(descriptor, $0.baseAddress, $0.count) }
            guard written > 0 else { return }
            rest = rest.dropFirst(written)
        }
    }

    private static func unistdWrite(_ descriptor: Int32, _ bytes: UnsafeRawPointer?, _ count: Int) -> Int {
        #if canImport(Glibc)
            Glibc.write(descriptor, bytes, count)
        #else
            Darwin.write(descriptor, bytes, count)
        #endif
    }

    /// Columns of text, each as wide as its longest cell.
    static func table(_ rows: [[String]]) -> String {
        let widths = (0..<(rows.map(\.count).max() ?? 0)).map { column in rows.map { $0[column].cells }.max() ?? 0 }
        return
            rows
            .map { row in
                var line = ""
                for (cell, width) in zip(row, widths) { line += cell + String(repeating: " ", count: width - cell.cells + 2) }
                return String(line.reversed().drop { $0 == " " }.reversed())
            }
            .joined(separator: "\n")
    }

    /// `135 M`, `7.2 B`: how many parameters a model has.
    static func count(_ number: Int) -> String {
        if number >= 999_500_000 {
            let tenths = number / 100_000_000 + (number % 100_000_000 >= 50_000_000 ? 1 : 0)
            return "\(tenths / 10).\(tenths % 10) B"
        }
        return number >= 999_500 ? "\((number + 500_000) / 1_000_000) M" : "\((number + 500) / 1000) k"
    }

    /// Whether colours are welcome on standard output (https://no-color.org).
    static var hasColours: Bool {
        let environment = Environment.process
        return isatty(1) == 1 && environment.string("NO_COLOR") == nil && environment.string("TERM").map { $0 != "dumb" } ?? false
    }

    /// `98 MB`, `1.2 GB`; decimal units, as disks and downloads are sold.
    static func size(_ bytes: Int) -> String {
        if bytes >= 1_000_000_000 {
            let tenths = bytes / 100_000_000
            return "\(tenths / 10).\(tenths % 10) GB"
        }
        return bytes >= 1_000_000 ? "\(bytes / 1_000_000) MB" : "\(bytes / 1000) kB"
    }
}
