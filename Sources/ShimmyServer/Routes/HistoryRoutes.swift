import HTTPTypes
import Hummingbird
import ShimmyAPI
import ShimmyCore
import ShimmyJSON
import ShimmyService
import ShimmyTracing

/// `GET /admin/requests`: the last requests with their times and tokens. Only the response with a single request has its texts, and only if the
/// server inspects requests.
struct HistoryRoutes: Sendable {
    let history: RequestHistory

    /// The number of requests of a page without `limit`.
    private static let standardLimit = 100

    var routes: [Route] {
        [
            Route(own: .get, "/admin/requests", .read, prefixes: .none, access: .admin) { request, _ in try list(request) },
            Route(own: .get, "/admin/requests/{request_id}", .read, prefixes: .none, access: .admin) { request, context in
                let id = PercentEncoding.decoded((context.parameters.get("request_id") ?? "")[...]) ?? ""
                guard let record = history.find(id) else { throw APIError.notFound("Request", id) }
                // Texts of clients must not stay in a cache.
                var response = Response.json(try await WorkerPool.input.run { _ in record.detailedJSON })
                response.headers[.cacheControl] = "no-store"
                return response
            },
        ]
    }

    private func list(_ request: Request) throws -> Response {
        let query = request.query
        try query.check(["limit", "before"])
        let limit = try query.integer("limit", in: 1...RequestHistory.most) ?? Self.standardLimit
        let before = try query.integer("before", in: 1...Int.max)
        // One more than the page shows whether there are older ones.
        let records = history.newest(limit + 1, before: before)
        return .json([
            "object": "list", "data": .array(records.prefix(limit).map(\.json)), "has_more": .bool(records.count > limit),
            "limit": .int(RequestHistory.most), "inspects": .bool(history.inspects),
        ])
    }
}

extension RequestRecord {
    /// The request without its texts. All times are milliseconds since it arrived.
    var json: JSON { .object(members) }

    private var members: JSONObject {
        [
            "object": "request", "number": .int(number), "id": .string(id), "time": .double((time * 1000).rounded() / 1000),
            "method": .string(method), "endpoint": .string(endpoint), "api": .string(api.rawValue),
            "model": Self.json(facts.model), "stream": .bool(facts.isStreamed), "status": Self.json(facts.status),
            "end": .string(end.rawValue), "error": Self.json(facts.errorCode), "key": Self.json(client.key),
            "address": Self.json(client.address), "prompt_tokens": Self.json(facts.promptTokens), "cached_tokens": Self.json(facts.cachedTokens),
            "completion_tokens": Self.json(facts.completionTokens),
            "queue_ms": milliseconds(facts.begun), "first_ms": milliseconds(facts.firstPart), "answered_ms": milliseconds(facts.answered),
            "total_ms": .double(Self.rounded(seconds * 1000)), "inspected": .bool(inspection != nil),
        ]
    }

    /// The request with the parts of its time and its texts.
    var detailedJSON: JSON {
        var object = members
        object["phases"] = .array(
            AnswerSpan(facts).phases(since: arrived).map { phase -> JSON in
                ["name": .string(phase.name), "start_ms": milliseconds(phase.start), "end_ms": milliseconds(phase.end)]
            })
        if let texts = inspection?.texts {
            object["body"] = texts.body.json
            object["prompts"] = .array(texts.prompts.map { $0.json(cached: texts.prompts.count == 1 ? facts.cachedTokens : nil) })
            object["answers"] = .array(
                texts.choices.sorted { $0.key < $1.key }.map { index, choice -> JSON in
                    [
                        "index": .int(index), "content": choice.content.json, "reasoning": choice.reasoning.json, "calls": choice.calls.json,
                    ]
                })
        }
        return .object(object)
    }

    private func milliseconds(_ instant: ContinuousClock.Instant?) -> JSON {
        instant.map { .double(Self.rounded(($0 - arrived) / .milliseconds(1))) } ?? .null
    }

    private static func json(_ text: String?) -> JSON { text.map(JSON.string) ?? .null }
    private static func json(_ number: Int?) -> JSON { number.map(JSON.int) ?? .null }

    /// Returns a number with three digits after the point.
    private static func rounded(_ number: Double) -> Double { (number * 1000).rounded() / 1000 }
}

extension RequestInspection.Text {
    fileprivate var json: JSON { ["text": .string(string), "bytes": .int(count), "cut": .bool(isCut)] }
}

extension RequestInspection.Prompt {
    /// - cached: the number of tokens that came from the cache; nil if it is unknown.
    fileprivate func json(cached: Int?) -> JSON {
        [
            "text": .string(text.string), "cut": .bool(text.isCut || starts.count < tokens), "tokens": .int(tokens),
            // A token can end within a character, so that its text alone would not be valid.
            "pieces": .array(pieces.map { .string(String(decoding: $0, as: UTF8.self)) }), "cached_tokens": cached.map(JSON.int) ?? .null,
        ]
    }

    private var pieces: [ArraySlice<UInt8>] {
        starts.indices.map { index in
            let end = index + 1 < starts.count ? Int(starts[index + 1]) : text.bytes.count
            return text.bytes[Int(starts[index])..<end]
        }
    }
}
