import Logging
import ShimmyAPI
import ShimmyChat

/// Logs a line for each answer that began.
package struct AnswerLog: AnswerObserver {
    package init() {}

    package func ended(_ life: AnswerLife, _ caller: Caller) {
        caller.logger.info(Self.message(life.outcome), metadata: Self.metadata(life, caller))
    }

    private static func message(_ outcome: AnswerLife.Outcome) -> Logger.Message {
        switch outcome {
        case .completed: "answer completed"
        case .cancelled: "answer cancelled"
        case .failed: "answer failed"
        }
    }

    private static func metadata(_ life: AnswerLife, _ caller: Caller) -> Logger.Metadata {
        var metadata: Logger.Metadata = ["model": "\(life.model)"]
        if let usage = life.usage {
            metadata["prompt_tokens"] = "\(usage.promptTokens)"
            metadata["cached_tokens"] = "\(usage.cachedPromptTokens)"
            metadata["completion_tokens"] = "\(usage.completionTokens)"
        }
        if case .failed(let error) = life.outcome { metadata["code"] = "\(error.code ?? error.type)" }
        if let first = life.firstPart { metadata["first_ms"] = "\(milliseconds(caller.arrived, first))" }
        if let ended = life.ended { metadata["ms"] = "\(milliseconds(caller.arrived, ended))" }
        return metadata
    }

    private static func milliseconds(_ from: ContinuousClock.Instant, _ to: ContinuousClock.Instant) -> Int {
        Int((to - from) / .milliseconds(1))
    }
}
