import Hummingbird
import ShimmyAPI
import ShimmyCore
import ShimmyService

/// Routes that help clients keep their conversations within a model's context: token counting and compaction.
struct ResponseToolRoutes: Sendable {
    let service: InferenceService
    let reader: PresetReader

    var routes: [Route] {
        [
            Route(.post, "/responses/input_tokens", .load, handler: count),
            Route(.post, "/responses/compact", .load, handler: compact),
        ]
    }

    @Sendable private func count(_ request: Request, _ context: ShimmyRequestContext) async throws -> Response {
        let reading = try await reader.read(
            request, context, for: Compatibility.countInputTokens, needsModel: false,
            decoding: {
                try InputTokensRequest($0, media: $1)
            })
        let tokens = try await context.untilDisconnected { [service, caller = context.caller] in try await service.countInput(reading, caller) }
        var response = Response.json(InputTokensRequest.response(tokens))
        response.reportIgnored(reading.value.ignoredParameters)
        response.reportForced(reading.forced)
        return response
    }

    @Sendable private func compact(_ request: Request, _ context: ShimmyRequestContext) async throws -> Response {
        let reading = try await reader.read(request, context, for: Compatibility.compact, decoding: { try CompactRequest($0, media: $1) })
        let (summary, usage) = try await context.untilDisconnected { [service, caller = context.caller] in
            try await service.compact(reading, caller)
        }
        var response = Response.json(CompactRequest.response(summary: summary, usage: usage, created: UnixTime.now))
        response.reportIgnored(reading.value.ignoredParameters)
        response.reportForced(reading.forced)
        return response
    }
}
