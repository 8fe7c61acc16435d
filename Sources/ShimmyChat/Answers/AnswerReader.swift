/// Reads an answer's text as it grows and tells what is new in it. What was told once is never taken back: what could still change is held.
package struct AnswerReader: Sendable {
    private let format: any AnswerFormat
    private let maximumCalls: Int
    private var text = ""
    private var told: AnswerContent
    private var begun = 0
    private var throttle: Throttle
    /// Bytes that all readings together have read.
    private var readBytes = 0

    /// What readings that do not wait may read together: these bytes, and so many times the answer's length.
    private static let urgent = (bytes: 1 << 20, factor: 64)

    /// - continues: the format's generation prompt holds the beginning of the answer, which is not told again.
    /// - throttleFactor: an answer is read from its beginning each time, and what was read for a time waits for this many times as long, so
    ///   that long answers do not take more of the processor than their part. 0 reads each time.
    package init(_ format: any AnswerFormat, maximumCalls: Int = .max, continues: Bool = false, throttleFactor: Double = 20) {
        self.format = format
        self.maximumCalls = maximumCalls
        throttle = Throttle(factor: throttleFactor)
        told = continues ? ((try? format.read("", isPartial: true)) ?? AnswerContent()).withoutMargins : AnswerContent()
    }

    /// Whether more calls have begun than there may be, or one was made a second time: the answer is complete.
    package private(set) var isComplete = false
    package var hasCalls: Bool { begun > 0 }

    /// Opening brackets in the answer so far, of which each may be a level for the format's parser.
    private(set) var brackets = 0

    /// Bytes of the answer so far.
    package var length: Int { text.utf8.count }

    /// - isUrgent: something in `more` may end the answer, so that reading it does not wait as long as the bound on all work allows that.
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

    /// - isCut: the answer ended before its time, by a limit.
    package mutating func finish(isCut: Bool) -> [AnswerDelta] {
        let content = (try? format.read(text, isPartial: isCut)) ?? longestReadable()
        // A text that has not the format at all is still what the model said.
        return tell(content ?? AnswerContent(content: text), isPartial: false)
    }

    /// What the longest beginning of the text that has the format says. A text without it has no continuation with it.
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

    private mutating func tell(_ content: AnswerContent, isPartial: Bool) -> [AnswerDelta] {
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
                    // Small models go on like that until the limit.
                    isComplete = true
                    return deltas
                case .possible: return deltas
                case .none: break
                }
            }
            // A name may still grow until its arguments begin.
            if index == begun, !call.name.isEmpty, !isPartial || !isLast || !call.arguments.isEmpty {
                begun += 1
                told.calls.append(AnswerContent.Call(name: call.name, arguments: "", id: call.id))
                deltas.append(.call(index: index, id: call.id.isEmpty ? nil : call.id, name: call.name))
            }
            guard index < begun else { break }
            var arguments = call.arguments
            if !isPartial || !isLast, arguments.isEmpty, told.calls[index].arguments.isEmpty { arguments = "{}" }
            if let more = Self.growth(from: &told.calls[index].arguments, to: arguments, false) {
                deltas.append(.arguments(index: index, more))
            }
        }
        return deltas
    }

    /// What `new` adds to `told`; nil for nothing, or when it is another text. White space at the end waits: a format may not count it.
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

    /// Whether this is a call that was made before, with the same name and arguments.
    /// - isGrowing: whether more of it may follow.
    fileprivate func repetition(among others: ArraySlice<Self>, isGrowing: Bool) -> Repetition {
        let alike = others.filter { $0.name == name }
        // Arguments are an object: nothing follows its end.
        if alike.contains(where: { $0.arguments == arguments }), !isGrowing || arguments.hasSuffix("}") { return .certain }
        return isGrowing && alike.contains { $0.arguments.hasPrefix(arguments) } ? .possible : .none
    }
}

extension AnswerContent {
    /// Without the white space between the parts of an answer, which belongs to its format: around a thought, and before a call.
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

/// Bounds the part of the time that repeated work takes.
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
