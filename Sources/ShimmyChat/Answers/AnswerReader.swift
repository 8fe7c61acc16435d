/// Parses the text of an answer as it grows and returns the additions. It never retracts an addition: parts that can still change are held back.
package struct AnswerReader: Sendable {
    private let format: any AnswerFormat
    private let maximumCalls: Int
    private var text = ""
    private var told: AnswerContent
    private var begun = 0
    private var throttle: Throttle
    /// The total number of bytes read by all parses.
    private var readBytes = 0

    /// The limit of bytes that unthrottled parses may read in total: `bytes` plus `factor` times the length of the answer.
    private static let urgent = (bytes: 1 << 20, factor: 64)

    /// Creates a reader at the start of an answer.
    /// - continues: whether the format's generation prompt contains the start of the answer, which is not returned again.
    /// - throttleFactor: the minimum pause after a parse, as a multiple of its duration; 0 for none. Each parse reads the whole answer, and the pause
    ///   bounds the processor time of long answers.
    package init(_ format: any AnswerFormat, maximumCalls: Int = .max, continues: Bool = false, throttleFactor: Double = 20) {
        self.format = format
        self.maximumCalls = maximumCalls
        throttle = Throttle(factor: throttleFactor)
        told = continues ? ((try? format.read("", isPartial: true)) ?? AnswerContent()).withoutMargins : AnswerContent()
    }

    /// Whether the answer is complete because it has more calls than allowed, or repeats a call.
    package private(set) var isComplete = false
    package var hasCalls: Bool { begun > 0 }

    /// The number of opening brackets in the answer so far. Each can be a nesting level for the format's parser.
    private(set) var brackets = 0

    /// The length of the answer so far, in bytes.
    package var length: Int { text.utf8.count }

    /// Appends text and returns the additions to the answer.
    /// - isUrgent: whether `more` may end the answer. It is then parsed without a pause, within the limit of all such parses.
    package mutating func push(_ more: String, isUrgent: Bool = false) -> [AnswerDelta] {
        text += more
        for byte in more.utf8 where byte == 0x5B || byte == 0x7B { brackets += 1 }
        let mayHurry = isUrgent && readBytes <= Self.urgent.bytes + Self.urgent.factor * length
        guard !more.isEmpty, throttle.mayRun || mayHurry else { return [] }
        let text = text, format = format
        readBytes += length
        let content = throttle.run { try? format.read(text, isPartial: true) }
        return content.map { tell($0, isPartial: true) } ?? []
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

    private mutating func tell(_ content: AnswerContent, isPartial: Bool, isCut: Bool = false) -> [AnswerDelta] {
        guard !isComplete else { return [] }
        let new = content.withoutMargins
        var deltas: [AnswerDelta] = []
        if let more = Self.growth(from: &told.reasoning, to: new.reasoning, isPartial) { deltas.append(.reasoning(more)) }
        if let more = Self.growth(from: &told.content, to: new.content, isPartial) { deltas.append(.content(more)) }
        for (index, call) in new.calls.enumerated() {
            if index == maximumCalls {
                isComplete = true
                break
            }
            let isLast = index == new.calls.count - 1
            if index == begun {
                let isGrowing = isPartial && isLast
                switch call.repetition(among: new.calls[..<index], isGrowing: isGrowing) {
                case .certain:
                    // Small models repeat calls until the token limit.
                    isComplete = true
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
}

extension Array<UInt8> {
    fileprivate func dropLast(while isDropped: (UInt8) -> Bool) -> ArraySlice<UInt8> {
        self[..<((lastIndex { !isDropped($0) } ?? -1) + 1)]
    }
}

/// Bounds the fraction of time that repeated work takes.
private struct Throttle: Sendable {
    let factor: Double
    private var next: ContinuousClock.Instant?

    init(factor: Double) { self.factor = factor }

    var mayRun: Bool { next.map { ContinuousClock.now >= $0 } ?? true }

    mutating func run<Result>(_ work: () -> Result) -> Result {
        let begin = ContinuousClock.now
        defer { if factor > 0 { next = .now + (ContinuousClock.now - begin) * factor } }
        return work()
    }
}
