import NIOHTTP1
import ShimmyChat
import ShimmyJSON

/// The response to one of the requests for an answer, from its head to its end.
struct AnswerLane: Sendable {
    private enum Form { case head, events, whole, error }

    /// Whether nothing more is read.
    private(set) var isOver = false
    /// Whether the upstream has sent an event of the answer.
    private(set) var hasEvents = false
    private(set) var chunks: any AnswerChunks
    /// The numbers of the lane's choices.
    let choices: Range<Int>
    /// Whether the choices can end here before they end at the upstream, at stop strings that the upstream does not know.
    let isCut: Bool
    private var form = Form.head
    private var stream: EventStream
    private var response = WholeResponse()
    private let upstream: String
    private let key: String?

    init(_ chunks: any AnswerChunks, choices: Range<Int>, isCut: Bool, settings: UpstreamSettings) {
        self.isCut = isCut
        self.chunks = chunks
        self.choices = choices
        upstream = settings.name
        key = settings.key
        stream = EventStream(upstream: settings.name)
    }

    /// Reads a piece of the response and returns the events of the answer.
    mutating func push(_ piece: Exchange.Piece) async throws -> [AnswerEvent] {
        switch (piece, form) {
        case (.head(let status, let headers), _):
            (response.status, response.headers) = (status, headers)
            form = try status != 200 ? .error : answerForm
            return []
        case (.bytes(let bytes), .events): return try await read(try stream.push(bytes))
        case (.bytes(let bytes), .error):
            response.body += bytes.prefix(UpstreamLimits.errorBytes - response.body.count)
            if response.body.count >= UpstreamLimits.errorBytes { throw refusal }
            return []
        case (.bytes(let bytes), _):
            guard bytes.count <= UpstreamLimits.responseBytes - response.body.count else {
                throw UpstreamFailure(upstream, .unreadable, "its answer is longer than \(UpstreamLimits.responseBytes) bytes")
            }
            response.body += bytes
            return []
        case (.end, .error): throw refusal
        case (.end, .whole):
            defer { response.body = [] }
            let events = try await read([response.body])
            if isOver { return events }
            isOver = true
            guard let last = try? chunks.end(isMarked: true) else { throw unreadable("is JSON, but not a complete answer") }
            return events + last
        case (.end, _):
            isOver = true
            if !hasEvents, !type.isEmpty, type != Self.streamType { throw unreadable("has the type '\(type)' and no events") }
            // Without a length or chunks, a lost connection looks like the end of the response.
            let hasEnd = response.headers.contains(name: "transfer-encoding") || response.headers.contains(name: "content-length")
            return try chunks.end(isMarked: hasEnd)
        }
    }

    private static let streamType = "text/event-stream"

    /// The media type of the response, for display; empty if it has none.
    private var type: String {
        let text = response.headers.first(name: "content-type")?.prefix { $0 != ";" } ?? ""
        return String(text.filter { !$0.isWhitespace }.lowercased().prefix(100))
    }

    /// The form of an answer with the status 200. Throws if it cannot be an answer.
    private var answerForm: Form {
        get throws {
            switch type {
            // Some servers ignore `stream` and send the answer as a whole.
            case "application/json": .whole
            // Some servers do not name the type of a stream.
            case Self.streamType, "", "text/plain", "application/octet-stream", "application/x-ndjson": .events
            default: throw unreadable("has the type '\(type)' instead of '\(Self.streamType)'")
            }
        }
    }

    private func unreadable(_ fault: String) -> UpstreamFailure {
        UpstreamFailure(upstream, .unreadable, "its answer \(fault); check its address")
    }

    /// Ends the reading although the upstream has more to send.
    mutating func close() { isOver = true }

    private var refusal: UpstreamFailure {
        UpstreamFailure(upstream, status: response.status, response.headers, body: response.body, key: key)
    }

    private static let mark = Array("[DONE]".utf8)

    private mutating func read(_ data: [[UInt8]]) async throws -> [AnswerEvent] {
        var events: [AnswerEvent] = []
        for data in data where !isOver {
            if data == Self.mark {
                events += try chunks.end(isMarked: true)
            } else {
                events += try chunks.push(try await json(data))
            }
            hasEvents = true
            if chunks.isDone { isOver = true }
        }
        return events
    }

    private func json(_ data: [UInt8]) async throws -> JSON {
        do {
            return try await WireJSON.parse(data)
        } catch is JSONError {
            if form == .whole { throw unreadable("has the type '\(type)', but is not JSON") }
            throw UpstreamFailure(upstream, .unreadable, "an event of its answer is not JSON")
        }
    }
}
