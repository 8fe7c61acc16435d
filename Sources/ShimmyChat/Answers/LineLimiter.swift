/// Limits for the lines of an answer that fills a gap in a text.
package struct LineLimits: Sendable, Equatable {
    /// The min number of spaces and tabs at the beginning of a line after the first. The answer ends before a line with fewer; empty lines do not
    /// count.
    package var indentation = 0
    /// The time from the first text on. Once it is over, the answer ends at the end of the current line, unless that is its first line; nil for no
    /// limit.
    package var duration: Duration?

    package init(indentation: Int = 0, duration: Duration? = nil) {
        self.indentation = indentation
        self.duration = duration
    }
}

/// Ends a text at the limits for its lines. It holds back white space at the beginning of a line until the line's indentation is known.
package struct LineLimiter: Sendable {
    /// Whether the text has reached a limit. Nothing may follow.
    package private(set) var isOver = false
    private let limits: LineLimits
    private var deadline: ContinuousClock.Instant?
    private var hasNewline = false
    /// Whether only white space has followed the last newline.
    private var isIndented = false
    private var held = ""
    private var width = 0

    package init(_ limits: LineLimits) { self.limits = limits }

    /// Returns the part of the text so far that certainly belongs to the answer.
    package mutating func push(_ text: String, now: ContinuousClock.Instant) -> String {
        if isOver || text.isEmpty { return "" }
        if deadline == nil { deadline = limits.duration.map { now + $0 } }
        let isLate = deadline.map { now > $0 } ?? false
        var kept = String.UnicodeScalarView()
        for scalar in text.unicodeScalars {
            if isIndented {
                if scalar == " " || scalar == "\t" {
                    width += 1
                    held.unicodeScalars.append(scalar)
                    continue
                }
                isIndented = false
                if width < limits.indentation, scalar != "\n", scalar != "\r" {
                    isOver = true
                    held = ""
                    break
                }
                kept.append(contentsOf: finish().unicodeScalars)
            }
            kept.append(scalar)
            guard scalar == "\n" else { continue }
            if hasNewline, isLate {
                isOver = true
                break
            }
            hasNewline = true
            (isIndented, width) = (limits.indentation > 0, 0)
        }
        return String(kept)
    }

    /// Returns the white space that was held back.
    package mutating func finish() -> String {
        defer { held = "" }
        return held
    }
}
