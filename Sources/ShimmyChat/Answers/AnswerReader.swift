package import ShimmyCore

/// Parses the text of an answer as it grows and returns the additions. It never retracts an addition: parts that can still change are held back.
///
/// Each parse reads the whole answer. Two kinds of parses bound their cost separately: `push` looks for the end of the answer at lengths that depend
/// on the text alone, so that an answer ends at the same token in each run; `preview` returns additions for a stream, as often as time allows.
package struct AnswerReader: Sendable {
    private let format: any AnswerFormat
    private let maximumCalls: Int
    private var text = ""
    private var told: AnswerContent
    private var begun = 0
    private var throttle: Throttle
    private var search = EndSearch()
    /// The length of the answer at the last parse, in bytes.
    private var parsedLength = 0

    /// Creates a reader at the start of an answer.
    /// - continues: whether the format's generation prompt contains the start of the answer, which is not returned again.
    /// - throttleFactor: the minimum pause after a preview, as a multiple of its processor time; 0 for none.
    package init(
        _ format: any AnswerFormat, maximumCalls: Int = .max, continues: Bool = false, throttleFactor: Double = 20, clock: WorkClock = .system
    ) {
        self.format = format
        self.maximumCalls = maximumCalls
        throttle = Throttle(factor: throttleFactor, clock: clock)
        told = continues ? ((try? format.read("", isPartial: true)) ?? AnswerContent()).withoutMargins : AnswerContent()
    }

    /// Whether the answer is complete because it has more calls than allowed, or repeats a call.
    package private(set) var isComplete = false
    package var hasCalls: Bool { begun > 0 }

    /// The number of opening brackets in the answer so far. Each can be a nesting level for the format's parser.
    private(set) var brackets = 0

    /// The length of the answer so far, in bytes.
    package var length: Int { text.utf8.count }

    /// Appends text without parsing it.
    package mutating func append(_ more: String) {
        text += more
        for byte in more.utf8 where byte == 0x5B || byte == 0x7B { brackets += 1 }
    }

    /// Appends text. If the answer may end with it, parses the answer and returns the additions. The result depends only on the pushed texts.
    /// - isReasoning: whether `more` is part of the reasoning, where brackets do not end a call.
    /// - isUrgent: whether `more` may complete a stop string.
    package mutating func push(_ more: String, isReasoning: Bool = false, isUrgent: Bool = false) -> [AnswerDelta] {
        append(more)
        let mayEnd = isUrgent || !isReasoning && more.utf8.contains(where: \.isBracket)
        guard !more.isEmpty, search.reads(length, mayEnd: mayEnd) else { return [] }
        parsedLength = length
        let content = try? format.read(text, isPartial: true)
        return content.map { tell($0, isPartial: true) } ?? []
    }

    /// Returns the additions since the last parse, unless the pause after the last preview is not over. Does not complete the answer, because the
    /// time of a preview differs between runs.
    package mutating func preview() -> [AnswerDelta] {
        guard length > parsedLength, throttle.mayRun else { return [] }
        parsedLength = length
        let text = text, format = format
        let content = throttle.run { try? format.read(text, isPartial: true) }
        return content.map { tell($0, isPartial: true, mayEnd: false) } ?? []
    }

    /// Ends the answer and returns the remaining additions.
    /// - isCut: whether a limit ended the answer early.
    package mutating func finish(isCut: Bool) -> [AnswerDelta] {
        let content = (try? format.read(text, isPartial: isCut)) ?? longestReadable()
        // A text without the format is still the model's answer.
        return tell(content ?? AnswerContent(content: text), isPartial: false, isCut: isCut)
    }

    /// Returns the parts of the longest prefix of the text that has the format; nil if there is none. If a prefix lacks the format, all longer ones
    /// do.
    private func longestReadable() -> AnswerContent? {
        let scalars = Array(text.unicodeScalars)
        var (readable, unreadable) = (0, scalars.count + 1)
        var content: AnswerContent?
        while unreadable - readable > 1 {
            let middle = (readable + unreadable) / 2
            var beginning = String.UnicodeScalarView()
            beginning.append(contentsOf: scalars[..<middle])
            if let read = try? format.read(String(beginning), isPartial: true) {
                (readable, content) = (middle, read)
            } else {
                unreadable = middle
            }
        }
        return content
    }

    /// Returns the parts of `content` that were not returned before.
    /// - mayEnd: whether further or repeated calls complete the answer. They are not returned in either case.
    private mutating func tell(_ content: AnswerContent, isPartial: Bool, isCut: Bool = false, mayEnd: Bool = true) -> [AnswerDelta] {
        guard !isComplete else { return [] }
        let new = content.withoutMargins
        var deltas: [AnswerDelta] = []
        if let more = Self.growth(from: &told.reasoning, to: new.reasoning, isPartial) { deltas.append(.reasoning(more)) }
        if let more = Self.growth(from: &told.content, to: new.content, isPartial) { deltas.append(.content(more)) }
        for (index, call) in new.calls.enumerated() {
            if index == maximumCalls {
                if mayEnd { isComplete = true }
                break
            }
            let isLast = index == new.calls.count - 1
            if index == begun {
                let isGrowing = isPartial && isLast
                switch call.repetition(among: new.calls[..<index], isGrowing: isGrowing) {
                case .certain:
                    // Small models repeat calls until the token limit.
                    if mayEnd { isComplete = true }
                    return deltas
                case .possible: return deltas
                case .none: break
                }
            }
            // The name can still grow until the arguments begin.
            if index == begun, !call.name.isEmpty, !isPartial || !isLast || !call.arguments.isEmpty {
                begun += 1
                told.calls.append(AnswerContent.Call(name: call.name, arguments: "", id: call.id))
                deltas.append(.call(index: index, id: call.id.isEmpty ? nil : call.id, name: call.name))
            }
            guard index < begun else { break }
            var arguments = call.arguments
            // The arguments of a call that was cut off are not known to be empty.
            if !isLast || !isPartial && !isCut, arguments.isEmpty, told.calls[index].arguments.isEmpty { arguments = "{}" }
            if let more = Self.growth(from: &told.calls[index].arguments, to: arguments, false) {
                deltas.append(.arguments(index: index, more))
            }
        }
        return deltas
    }

    /// Returns the part of `new` after `told`; nil if there is none, or if `new` does not start with `told`. White space at the end of a partial text
    /// is held back, because the format may drop it.
    private static func growth(from told: inout String, to new: String, _ isPartial: Bool) -> String? {
        let (old, all) = (Array(told.utf8), Array(new.utf8))
        let end = isPartial ? all.dropLast(while: \.isWhiteSpace).count : all.count
        guard end > old.count, all.starts(with: old) else { return nil }
        told = String(decoding: all[..<end], as: UTF8.self)
        return String(decoding: all[old.count..<end], as: UTF8.self)
    }
}

extension AnswerContent.Call {
    fileprivate enum Repetition { case none, possible, certain }

    /// Returns whether this call repeats an earlier one with the same name and arguments.
    /// - isGrowing: whether more of the call can follow.
    fileprivate func repetition(among others: ArraySlice<Self>, isGrowing: Bool) -> Repetition {
        let alike = others.filter { $0.name == name }
        // Arguments are a JSON object, so nothing follows the closing brace.
        if alike.contains(where: { $0.arguments == arguments }), !isGrowing || arguments.hasSuffix("}") { return .certain }
        return isGrowing && alike.contains { $0.arguments.hasPrefix(arguments) } ? .possible : .none
    }
}

extension AnswerContent {
    /// A copy without the white space around the reasoning and before a call, which belongs to the format.
    fileprivate var withoutMargins: AnswerContent {
        var copy = self
        if !reasoning.isEmpty {
            copy.reasoning = String(decoding: Array(reasoning.utf8.drop(while: \.isWhiteSpace)).dropLast(while: \.isWhiteSpace), as: UTF8.self)
            copy.content = String(decoding: Array(content.utf8.drop(while: \.isWhiteSpace)), as: UTF8.self)
        }
        if !calls.isEmpty { copy.content = String(decoding: Array(copy.content.utf8).dropLast(while: \.isWhiteSpace), as: UTF8.self) }
        return copy
    }
}

extension UInt8 {
    fileprivate var isWhiteSpace: Bool { self == 0x20 || (0x09...0x0D).contains(self) }
    /// Whether the character may begin or end a call in some format: one of `( ) < > [ ] { }`.
    fileprivate var isBracket: Bool {
        switch self {
        case 0x28, 0x29, 0x3C, 0x3E, 0x5B, 0x5D, 0x7B, 0x7D: true
        default: false
        }
    }
}

extension Array<UInt8> {
    fileprivate func dropLast(while isDropped: (UInt8) -> Bool) -> ArraySlice<UInt8> {
        self[..<((lastIndex { !isDropped($0) } ?? -1) + 1)]
    }
}

/// Chooses the lengths of an answer at which its end is looked for. The choice depends only on the text, so that an answer ends at the same token in
/// each run.
///
/// An answer is read when it has grown by 1/32 of its length or 16 bytes, and wherever it may end, within a limit of all reads together. This limit
/// makes their total cost linear in the length of the answer.
private struct EndSearch: Sendable {
    private var lastLength = 0
    private var readBytes = 0

    /// The limit of bytes that all reads together may read: `bytes` plus `factor` times the length of the answer.
    private static let limit = (bytes: 1 << 20, factor: 64)

    /// Returns whether to read the answer now that it has `length` bytes, and counts the read.
    /// - mayEnd: whether the newest text may end the answer.
    mutating func reads(_ length: Int, mayEnd: Bool) -> Bool {
        guard mayEnd || length - lastLength >= max(16, length / 32), readBytes <= Self.limit.bytes + Self.limit.factor * length else { return false }
        readBytes += length
        lastLength = length
        return true
    }
}

/// Bounds the fraction of time that repeated work takes.
///
/// The work counts with its processor time. On a busy machine a thread can lose the processor for milliseconds in the middle of the work, which would
/// make the pause a hundred times longer than the work calls for.
private struct Throttle: Sendable {
    let factor: Double
    let clock: WorkClock
    /// The end of the pause, by the clock's wall time; nil before the first work.
    private var next: Duration?

    init(factor: Double, clock: WorkClock) {
        self.factor = factor
        self.clock = clock
    }

    var mayRun: Bool { next.map { clock.wall() >= $0 } ?? true }

    mutating func run<Result>(_ work: () -> Result) -> Result {
        let begin = clock.thread()
        defer {
            let used = clock.thread() - begin
            if factor > 0 { next = clock.wall() + used * factor }
        }
        return work()
    }
}
