package import ShimmyChat
package import ShimmyCore
package import ShimmyJSON

/// The form of responses: events with sequence numbers. All deltas together equal the texts in the final object.
package struct ResponseEvents: AnswerDialect {
    package static let framing = StreamFraming.named

    package private(set) var object: ResponseObject
    private let style: ResponseStyle
    private var dialect: MessageDialect
    /// The item that is still growing; nil between items.
    private var open: OutputItem?
    /// The index of the newest call among the calls of the answer.
    private var newestCall = 0
    private var number: Int
    private var reason = FinishReason.stop

    /// - firstNumber: the sequence number of the first event.
    package init(_ object: ResponseObject, style: ResponseStyle, dialect: CallDialect, firstNumber: Int = 0) {
        self.object = object
        self.style = style
        self.dialect = MessageDialect(dialect)
        number = firstNumber
    }

    package var whole: JSON? { object.json }

    /// The sequence number of the next event.
    package var nextNumber: Int { number }

    /// Replaces the dialect after new tools were loaded. The caller must not have pushed any part of the answer yet.
    package mutating func adopt(_ dialect: CallDialect) { self.dialect = MessageDialect(dialect) }

    package mutating func leaveUnstored() { object.isStored = false }

    // MARK: Beginning

    /// Starts a response that waits in the queue, and returns its events.
    package mutating func queue() -> [JSON] {
        object.status = .queued
        return [life("response.created"), life("response.queued")]
    }

    package mutating func begin() -> [JSON] {
        object.status = .inProgress
        return [life("response.created"), life("response.in_progress")]
    }

    /// Starts a response that waited in the queue, and returns its events.
    package mutating func leaveQueue() -> [JSON] {
        object.status = .inProgress
        return [life("response.in_progress")]
    }

    // MARK: Parts

    package mutating func push(_ delta: AnswerDelta, choice: Int) -> [JSON] {
        guard !style.isSilent, let delta = dialect.map(delta) else { return [] }
        switch delta {
        case .content(let text, let probabilities):
            return append(text, probabilities, to: .message)
        case .reasoning(let text):
            return append(text, [], to: .reasoning(asSummary: style.summarizesThoughts))
        case .call(let index, let id, let tool):
            let events = begin(.call(id: id, tool))
            newestCall = index
            return events
        case .arguments(_, let text, _):
            // The arguments belong to the open item: all earlier calls are complete.
            guard case .call = open?.kind else { return [] }
            return numbered(open?.append(text))
        }
    }

    private mutating func append(_ text: String, _ probabilities: [TokenProbability], to kind: OutputItem.Kind) -> [JSON] {
        let begun = open?.kind == kind ? [] : begin(kind)
        return begun + numbered(open?.append(text, probabilities))
    }

    private mutating func begin(_ kind: OutputItem.Kind) -> [JSON] {
        let closed = close(isCut: false)
        let item = OutputItem(id: newID(kind), kind: kind, index: object.output.count, seals: style.sealsThoughts)
        open = item
        return closed + numbered(item.added())
    }

    /// Returns an ID that contains the response's ID, so that the server can find the response of an item.
    private func newID(_ kind: OutputItem.Kind) -> String {
        let prefix: ResponseItem.IDKind =
            switch kind {
            case .message: .message
            case .reasoning: .reasoning
            case .call(_, let tool): tool.idKind
            }
        return prefix.rawValue + object.id.dropFirst(ResponseItem.IDKind.response.rawValue.count) + "\(object.output.count)"
    }

    /// Returns the ID of the response whose output would contain an item with this ID; nil for IDs of another form.
    package static func response(ofItem id: String) -> String? {
        let name = id.split(separator: "_", maxSplits: 1, omittingEmptySubsequences: false).last ?? ""
        guard name.count > RandomID.length else { return nil }
        return ResponseItem.IDKind.response.rawValue + name.prefix(RandomID.length)
    }

    /// Ends the open item. A call stays open until the next one begins, so a complete call does not count as cut.
    private mutating func close(isCut: Bool) -> [JSON] {
        guard let item = open else { return [] }
        let isCut = isCut && !isWholeCall(item)
        open = nil
        object.output.append(item.json(isCut: isCut))
        return numbered(item.done(isCut: isCut))
    }

    private func isWholeCall(_ item: OutputItem) -> Bool {
        guard case .call = item.kind else { return false }
        return dialect.hasWholeInput(newestCall) ?? item.isJSONObject
    }

    // MARK: The end

    package mutating func push(_ reason: FinishReason, choice: Int) -> [JSON] {
        self.reason = reason
        return []
    }

    package mutating func finish(_ usage: Usage, time: Int) -> [JSON] {
        object.usage = usage
        if style.isSilent {
            object.usage?.completionTokens = 0
            object.usage?.reasoningTokens = 0
            object.status = .completed
            object.completed = time
            return [life("response.completed")]
        }
        // An empty answer still gets a message item.
        let empty = open == nil && object.output.isEmpty ? begin(.message) : []
        let closed = empty + close(isCut: reason == .length)
        if reason == .length {
            object.status = .incomplete
            return closed + [life("response.incomplete")]
        }
        object.status = .completed
        object.completed = time
        return closed + [life("response.completed")]
    }

    /// Ends the response with an error. The output so far stays in the object.
    package mutating func fail(_ error: APIError) -> [JSON] {
        let closed = close(isCut: true)
        object.status = .failed
        object.error = ["code": .string(Self.code(of: error)), "message": .string(error.message)]
        return closed + numbered(Self.told(error)) + [life("response.failed")]
    }

    private static func told(_ error: APIError) -> JSONObject {
        [
            "type": "error", "code": error.code.map(JSON.string) ?? .null, "message": .string(error.message),
            "param": error.param.map(JSON.string) ?? .null,
        ]
    }

    /// Returns the last event of a stream that cannot continue, for example because the stored events of a response cannot be read. The event does
    /// not describe the state of the response itself.
    package static func error(_ error: APIError, number: Int) -> JSON {
        var event = told(error)
        event["sequence_number"] = .int(number)
        return .object(event)
    }

    /// Cancels the response. OpenAI has no event for this: the last event is `response.incomplete`, and the object in it
    /// has the status `cancelled`.
    package mutating func cancel() -> [JSON] {
        let closed = close(isCut: true)
        object.status = .cancelled
        return closed + [life("response.incomplete")]
    }

    /// Returns whether an event is the last one of its response.
    package static func isLast(_ event: JSON) -> Bool {
        ["response.completed", "response.incomplete", "response.failed"].contains(event["type"]?.stringValue)
    }

    /// Returns the code for an object's error. The Responses API allows only a few codes there.
    private static func code(of error: APIError) -> String {
        switch error.status {
        case 429: "rate_limit_exceeded"
        case 400..<500: "invalid_prompt"
        default: "server_error"
        }
    }

    // MARK: Sequence numbers

    /// Returns an event with the complete object.
    private mutating func life(_ type: String) -> JSON { numbered([["type": .string(type), "response": object.json]])[0] }

    private mutating func numbered(_ event: JSONObject?) -> [JSON] { numbered(event.map { [$0] } ?? []) }

    private mutating func numbered(_ events: [JSONObject]) -> [JSON] {
        events.map { event in
            var event = event
            event["sequence_number"] = .int(number)
            number += 1
            return .object(event)
        }
    }
}
