import ShimmyChat
import ShimmyCore
import ShimmyJSON

/// Makes the events of one choice from the parts that an upstream sends.
struct ChoiceReader: Sendable {
    /// An error of the parts.
    struct Fault: Error { let message: String }

    private struct Call: Sendable {
        /// The upstream's index; nil for a call without one.
        var index: Int?
        var id: String
        /// Empty until the upstream has sent it.
        var name: String
        var hasArguments = false
        /// Arguments that came before the name.
        var held = ""
        /// The last byte of the arguments.
        var last: UInt8?
    }

    /// The number of the choice in the answer.
    let choice: Int
    private(set) var isFinished = false
    private var splitter: ReasoningSplitter?
    private var matcher: StopMatcher
    private var calls: [Call] = []
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
        let place = try place(of: json["index"]?.intValue, id: id, name: name, &events)
        if calls[place].name.isEmpty, !name.isEmpty {
            calls[place].name = name
            if calls[place].id.isEmpty { calls[place].id = id }
            begin(place, &events)
        }
        switch function["arguments"] {
        case .string(let text)?: try arguments(text, of: place, &events)
        case .object(let object)?: try arguments(JSON.object(object).text, of: place, &events)
        default: break
        }
    }

    /// Returns the place of the call to which a part belongs. Opens a new call if the part begins one.
    private mutating func place(of index: Int?, id: String, name: String, _ events: inout [AnswerEvent]) throws(Fault) -> Int {
        if let place = knownPlace(of: index, id: id, name: name) { return place }
        guard calls.count < UpstreamLimits.calls else { throw Fault(message: "an answer has more than \(UpstreamLimits.calls) tool calls") }
        try endCall(&events)
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
            return known.last == UInt8(ascii: "}") ? nil : place
        }
        if !id.isEmpty { return calls.lastIndex { $0.id == id } }
        return name.isEmpty && !calls.isEmpty ? calls.count - 1 : nil
    }

    private mutating func begin(_ place: Int, _ events: inout [AnswerEvent]) {
        let call = calls[place]
        events.append(.delta(choice: choice, .call(index: place, id: call.id.isEmpty ? nil : call.id, name: call.name)))
        if !call.held.isEmpty { events.append(.delta(choice: choice, .arguments(index: place, call.held))) }
        calls[place].held = ""
    }

    private mutating func arguments(_ text: String, of place: Int, _ events: inout [AnswerEvent]) throws(Fault) {
        guard let last = text.utf8.last else { return }
        guard place == calls.count - 1 else { throw Fault(message: "the arguments of a tool call continue after those of the next one") }
        calls[place].hasArguments = true
        calls[place].last = last
        if calls[place].name.isEmpty {
            calls[place].held += text
        } else {
            events.append(.delta(choice: choice, .arguments(index: place, text)))
        }
    }

    /// Completes the last call. A call without arguments has an empty object.
    private mutating func endCall(_ events: inout [AnswerEvent]) throws(Fault) {
        guard let call = calls.last else { return }
        if call.name.isEmpty { throw Fault(message: "a tool call has no name") }
        if !call.hasArguments { events.append(.delta(choice: choice, .arguments(index: calls.count - 1, "{}"))) }
        calls[calls.count - 1].hasArguments = true
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
        if reason == .length, calls.last?.name.isEmpty == true {
            calls.removeLast()
        } else if reason != .length {
            try endCall(&events)
        }
        let end: FinishReason = reason == .length ? .length : calls.isEmpty ? .stop : .toolCalls
        close(end, by: stop, &events)
    }

    private mutating func close(_ reason: FinishReason, by stop: String?, _ events: inout [AnswerEvent]) {
        isFinished = true
        if let stop { events.append(.fact(choice: choice, .stopped(by: stop))) }
        events.append(.finished(choice: choice, reason))
    }
}
