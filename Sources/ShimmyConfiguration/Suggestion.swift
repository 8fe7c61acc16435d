/// Guesses which name was meant.
package enum Suggestion {
    /// ` Did you mean 'port'?`, or nothing when no name is close.
    package static func text(for name: String, among names: [String]) -> String {
        closest(to: name, among: names).map { " Did you mean '\($0)'?" } ?? ""
    }

    package static func closest(to name: String, among names: [String]) -> String? {
        // Hyphens for underscores are the likeliest slip: the options have them.
        let plain = name.lowercased().replacing("-", with: "_")
        let ranked = names.map { ($0, distance(plain, $0)) }.filter { $0.1 <= max(1, $0.0.count / 3) }
        return ranked.min { ($0.1, $0.0) < ($1.1, $1.0) }?.0
    }

    /// Letters to insert, leave out, replace or swap with their neighbour.
    private static func distance(_ left: String, _ right: String) -> Int {
        let (left, right) = (Array(left.utf8), Array(right.utf8))
        var rows = [Array(0...right.count)]
        for i in 0..<left.count {
            var row = [i + 1]
            for j in 0..<right.count {
                var best = min(rows[i][j + 1] + 1, row[j] + 1, rows[i][j] + (left[i] == right[j] ? 0 : 1))
                if i > 0, j > 0, left[i] == right[j - 1], left[i - 1] == right[j] { best = min(best, rows[i - 1][j - 1] + 1) }
                row.append(best)
            }
            rows.append(row)
        }
        return rows[left.count][right.count]
    }
}
