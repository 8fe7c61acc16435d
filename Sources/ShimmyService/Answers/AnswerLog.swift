import Logging
import ShimmyAPI
package import ShimmyChat

/// Reports each answer that began: to the log line of its request or, for an answer that outlives its request, in a line of its own.
package struct AnswerLog: AnswerObserver {
    package init() {}

    package func ended(_ life: AnswerLife, _ caller: Caller) {
        if let request = caller.request { return request.note(life) }
        caller.logger.info("answer completed", metadata: Self.metadata(life, caller))
    }

    private static func metadata(_ life: AnswerLife, _ caller: Caller) -> Logger.Metadata {
        var metadata: Logger.Metadata = ["model": "\(life.model)", "end": "\(life.end.rawValue)"]
        if let usage = life.usage ?? life.prompt {
            metadata["prompt_tokens"] = .stringConvertible(usage.promptTokens)
            metadata["cached_tokens"] = .stringConvertible(usage.cachedPromptTokens)
        }
        if let usage = life.usage { metadata["completion_tokens"] = .stringConvertible(usage.completionTokens) }
        metadata.note(life.usage?.source ?? .reported, unfit: life.unfit)
        if let code = life.errorCode { metadata["code"] = "\(code)" }
        metadata.note(queue: life.begun, first: life.firstPart, end: life.ended, since: caller.arrived)
        return metadata
    }
}

extension Logger.Metadata {
    /// Adds what is unusual about an answer of an upstream server: the origin of its token counts, and the parts without the requested form.
    package mutating func note(_ usage: Usage.Source, unfit: [String]) {
        if usage != .reported { self["usage"] = "\(usage.rawValue)" }
        if !unfit.isEmpty { self["unfit"] = "\(unfit.joined(separator: ","))" }
    }

    /// Adds the times of a request as milliseconds since it arrived.
    package mutating func note(
        queue: ContinuousClock.Instant?, first: ContinuousClock.Instant?, end: ContinuousClock.Instant?, since arrived: ContinuousClock.Instant
    ) {
        for (key, time) in [("queue_ms", queue), ("first_ms", first), ("total_ms", end)] {
            if let time { self[key] = .stringConvertible(Int((time - arrived) / .milliseconds(1))) }
        }
    }
}
