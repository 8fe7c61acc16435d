import ShimmyChat
import ShimmyCore
import ShimmyJSON

/// Makes the events of one choice from the parts that an upstream sends.
struct ChoiceReader: Sendable {
    /// An error in the parts.
    struct Fault: Error { let message: String }

    fileprivate struct Call: Sendable {
        /// The upstream's index; nil for a call without one.
        var index: Int?
        var id: String
        /// Empty until the upstream has sent it.
        var name: String
        /// Whether the call was passed on, so that its arguments follow at once.
        var hasBegun = false
        var hasArguments = false
        /// Arguments that came before the name, or before the end of an earlier call.
        var held = ""
        /// The nested levels of the arguments, and whether their last byte is in a string, or follows a backslash.
        var depth = 0
        var isInString = false
        var isEscaped = false
        /// Whether the arguments are a whole object.
        var isComplete = false
    }

    /// The number of the choice in the answer.
    let choice: Int
    private(set) var isFinished = false
    private var splitter: ReasoningSplitter?
    private var matcher: StopMatcher
    private var calls: [Call] = []
    /// The index in `calls` of the call that is being passed on. Parts of later calls wait, because events of calls come in order.
    private var current = 0
    private var heldBytes = 0
    /// Log probabilities of tokens whose text has not been passed on.
    private var probabilities: [TokenProbability] = []

    init(choice: Int, splitsReasoning: Bool, stops: [String]) {
        self.choice = choice
        splitter = splitsReasoning ? ReasoningSplitter() : nil
        matcher = StopMatcher(stops)
    }

    // MARK: Text

    mutating func reasoning(_ text: String, _ events: inout [AnswerEvent]) {
        if !isFinished, !text.isEmpty { events.append(.delta(choice: choice, .reasoning(text))) }
    }

    mutating func content(_ text: String, probabilities new: [TokenProbability] = [], _ events: inout [AnswerEvent]) {
        if isFinished { return }
        probabilities += new.prefix(max(0, UpstreamLimits.heldProbabilities - probabilities.count))
        guard splitter != nil else { return plain(text, &events) }
        for part in splitter?.push(text) ?? [] { take(part, &events) }
    }

    private mutating func take(_ part: ReasoningSplitter.Part, _ events: inout [AnswerEvent]) {
        switch part {
        case .content(let text): plain(text, &events)
        case .reasoning(let text):
            // Log probabilities are those of the content.
            probabilities = []
            reasoning(text, &events)
        }
    }

    private mutating func plain(_ text: String, _ events: inout [AnswerEvent]) {
        if isFinished || text.isEmpty { return }
        let output = matcher.push(Array(text.utf8))
        tell(output.bytes, &events)
        if output.stopped { close(.stop, by: matcher.found, &events) }
    }

    private mutating func tell(_ bytes: [UInt8], _ events: inout [AnswerEvent]) {
        if bytes.isEmpty { return }
        events.append(.delta(choice: choice, .content(String(decoding: bytes, as: UTF8.self), probabilities)))
        probabilities = []
    }

    // MARK: Calls

    /// Reads a part of a call: an element of `tool_calls`, or a deprecated `function_call`.
    /// - position: the element's index in its list.
    mutating func call(_ json: JSON, _ events: inout [AnswerEvent]) throws(Fault) {
        if isFinished { return }
        let function = json["function"] ?? json
        let name = function["name"]?.stringValue ?? ""
        let id = json["id"]?.stringValue ?? ""
        guard name.utf8.count <= UpstreamLimits.nameBytes, id.utf8.count <= UpstreamLimits.nameBytes else {
            throw Fault(message: "the name or the id of a tool call is longer than \(UpstreamLimits.nameBytes) bytes")
        }
        let text: String =
            switch function["arguments"] {
            case .string(let text)?: text
            case .object(let object)?: JSON.object(object).text
            default: ""
            }
        let place = try place(of: json["index"]?.intValue, id: id, name: name, isWhole: !name.isEmpty && !text.isEmpty, &events)
        if calls[place].name.isEmpty, !name.isEmpty {
            calls[place].name = name
            if calls[place].id.isEmpty { calls[place].id = id }
        }
        advance(&events)
        try arguments(text, of: place, &events)
    }

    /// Returns the index in `calls` of the call to which a part belongs. Opens a new call if the part begins one.
    /// - isWhole: whether the part has a name and arguments.
    private mutating func place(
        of index: Int?, id: String, name: String, isWhole: Bool, _ events: inout [AnswerEvent]
    ) throws(Fault) -> Int {
        // Some servers send whole calls that all have the same id.
        if let place = knownPlace(of: index, id: id, name: name), !isWhole || !calls[place].isComplete { return place }
        guard calls.count < UpstreamLimits.calls else { throw Fault(message: "an answer has more than \(UpstreamLimits.calls) tool calls") }
        // Content is complete before the first call.
        if calls.isEmpty { flush(&events) }
        calls.append(Call(index: index, id: id, name: ""))
        return calls.count - 1
    }

    private func knownPlace(of index: Int?, id: String, name: String) -> Int? {
        if let index {
            guard let place = calls.lastIndex(where: { $0.index == index }) else { return nil }
            let known = calls[place]
            if name.isEmpty || known.name.isEmpty { return place }
            // Some servers send whole calls that all have the same index.
            if !id.isEmpty { return id == known.id || known.id.isEmpty ? place : nil }
            return known.isComplete ? nil : place
        }
        if !id.isEmpty { return calls.lastIndex { $0.id == id } }
        return name.isEmpty && !calls.isEmpty ? calls.count - 1 : nil
    }

    /// Passes on the parts that wait, up to the first call that is not complete.
    private mutating func advance(_ events: inout [AnswerEvent]) {
        while current < calls.count {
            begin(&events)
            guard calls[current].hasBegun, calls[current].isComplete, current < calls.count - 1 else { return }
            current += 1
        }
    }

    /// Begins the current call if it has a name and was not begun.
    private mutating func begin(_ events: inout [AnswerEvent]) {
        let call = calls[current]
        if call.hasBegun || call.name.isEmpty { return }
        // A later call with the id of an earlier one gets another one.
        let hasID = !call.id.isEmpty && !calls[..<current].contains { $0.id == call.id }
        events.append(.delta(choice: choice, .call(index: current, id: hasID ? call.id : nil, name: call.name)))
        if !call.held.isEmpty { events.append(.delta(choice: choice, .arguments(index: current, call.held))) }
        heldBytes -= call.held.utf8.count
        calls[current].held = ""
        calls[current].hasBegun = true
    }

    private mutating func arguments(_ text: String, of place: Int, _ events: inout [AnswerEvent]) throws(Fault) {
        if text.isEmpty { return }
        if place < current {
            // The call is complete.
            if text.utf8.allSatisfy({ $0 <= 0x20 }) { return }
            throw Fault(message: "the arguments of a tool call continue after their end")
        }
        calls[place].hasArguments = true
        calls[place].scan(text)
        if calls[place].hasBegun {
            events.append(.delta(choice: choice, .arguments(index: place, text)))
        } else {
            guard text.utf8.count <= UpstreamLimits.heldArguments - heldBytes else {
                throw Fault(message: "the arguments of tool calls that wait for earlier parts have more than \(UpstreamLimits.heldArguments) bytes")
            }
            heldBytes += text.utf8.count
            calls[place].held += text
        }
        advance(&events)
    }

    /// Completes all calls. A call without arguments has an empty object, unless the answer was cut.
    private mutating func endCalls(isCut: Bool, _ events: inout [AnswerEvent]) throws(Fault) {
        if isCut {
            calls.removeAll { $0.name.isEmpty }
        } else if calls.contains(where: { $0.name.isEmpty }) {
            throw Fault(message: "a tool call has no name")
        }
        while current < calls.count {
            begin(&events)
            let isLast = current == calls.count - 1
            if !calls[current].hasArguments, !isCut || !isLast {
                events.append(.delta(choice: choice, .arguments(index: current, "{}")))
            }
            if isLast { return }
            current += 1
        }
    }

    // MARK: The end

    /// Passes on the text that is held back.
    private mutating func flush(_ events: inout [AnswerEvent]) {
        for part in splitter?.finish() ?? [] { take(part, &events) }
        if !isFinished { tell(matcher.finish(), &events) }
    }

    /// Ends the choice.
    /// - stop: the stop string that the upstream found; nil for none.
    mutating func finish(_ reason: FinishReason, by stop: String? = nil, _ events: inout [AnswerEvent]) throws(Fault) {
        if isFinished { return }
        flush(&events)
        if isFinished { return }
        try endCalls(isCut: reason == .length, &events)
        let end: FinishReason = reason == .length ? .length : calls.isEmpty ? .stop : .toolCalls
        close(end, by: stop, &events)
    }

    private mutating func close(_ reason: FinishReason, by stop: String?, _ events: inout [AnswerEvent]) {
        isFinished = true
        if let stop { events.append(.fact(choice: choice, .stopped(by: stop))) }
        events.append(.finished(choice: choice, reason))
    }
}

extension ChoiceReader.Call {
    /// Reads more of the arguments, to find the end of their object.
    fileprivate mutating func scan(_ text: String) {
        for byte in text.utf8 {
            if isEscaped {
                isEscaped = false
            } else if isInString {
                if byte == UInt8(ascii: "\\") { isEscaped = true }
                if byte == UInt8(ascii: "\"") { isInString = false }
            } else {
                switch byte {
                case UInt8(ascii: "\""): isInString = true
                case UInt8(ascii: "{"), UInt8(ascii: "["): depth += 1
                case UInt8(ascii: "}"), UInt8(ascii: "]"):
                    depth -= 1
                    if depth == 0 { isComplete = true }
                default: break
                }
            }
        }
    }
}
