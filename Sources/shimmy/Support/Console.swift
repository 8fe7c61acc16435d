import ShimmyTerminal

#if canImport(Glibc)
    import Glibc
#else
    import Darwin
#endif

/// Unbuffered output to the standard streams: a pipe gets each line when it is printed, not when a buffer is full.
enum Console {
    static func print(_ text: String, terminator: String = "\n") { write(text + terminator, to: 1) }

    static func error(_ text: String) { write("Error: " + text + "\n", to: 2) }

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

    /// The number of cells of a row of the terminal; nil if standard output is not a terminal.
    static var width: Int? { isatty(1) == 1 ? Terminal().size.width : nil }

    /// Returns rows as aligned columns that fit in a width. If they do not fit, columns are left out, and then the ends of rows.
    /// - width: the max number of cells of a row; nil for no limit.
    /// - optionalColumns: the indices of the columns that can be left out, in the order in which they are.
    static func table(_ rows: [[String]], width: Int?, optionalColumns: [Int]) -> String {
        guard let width else { return table(rows) }
        let last = rows.first.map { $0.count - 1 } ?? 0
        var omitted: Set<Int> = []
        // The last column is a note without a heading, which may be cut.
        func shown(_ row: [String], upTo end: Int) -> [String] { row.indices.filter { $0 < end && !omitted.contains($0) }.map { row[$0] } }
        for column in optionalColumns {
            let lines = table(rows.map { shown($0, upTo: last) }).split(separator: "\n")
            if lines.allSatisfy({ $0.cells <= width }) { break }
            omitted.insert(column)
        }
        return table(rows.map { shown($0, upTo: last + 1) }).split(separator: "\n", omittingEmptySubsequences: false)
            .map { $0.cells <= width ? String($0) : $0.prefix(cells: width - 1) + "…" }.joined(separator: "\n")
    }

    /// Returns rows as aligned columns of text, each as wide as its longest cell.
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

    /// Returns a number of parameters in short form: `135 M`, `7.2 B`.
    static func count(_ number: Int) -> String {
        if number >= 999_500_000 {
            let tenths = number / 100_000_000 + (number % 100_000_000 >= 50_000_000 ? 1 : 0)
            return "\(tenths / 10).\(tenths % 10) B"
        }
        return number >= 999_500 ? "\((number + 500_000) / 1_000_000) M" : "\((number + 500) / 1000) k"
    }

    /// Whether standard output is a terminal that supports escape sequences: `TERM` is set and not `dumb`.
    static var isCapable: Bool { isatty(1) == 1 && Environment.process.string("TERM").map { $0 != "dumb" } ?? false }

    /// Whether output may use colors: the terminal supports them, and `NO_COLOR` is not set (https://no-color.org).
    static var hasColours: Bool { isCapable && Environment.process.string("NO_COLOR") == nil }

    private static func rounded(_ bytes: Int, to unit: Int) -> Int { bytes / unit + (bytes % unit >= unit / 2 ? 1 : 0) }

    /// Returns a number of bytes in short form with decimal units: `98 MB`, `1.2 GB`.
    static func size(_ bytes: Int) -> String {
        if bytes >= 999_500_000 {
            let tenths = rounded(bytes, to: 100_000_000)
            return "\(tenths / 10).\(tenths % 10) GB"
        }
        return bytes >= 999_500 ? "\(rounded(bytes, to: 1_000_000)) MB" : "\(rounded(bytes, to: 1000)) kB"
    }
}
