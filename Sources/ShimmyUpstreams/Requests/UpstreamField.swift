/// A field of a request that not every kind of upstream honours, by its name in Shimmy's API.
package enum UpstreamField: String, Sendable, CaseIterable {
    case temperature
    case topP = "top_p"
    case seed
    case frequencyPenalty = "frequency_penalty"
    case presencePenalty = "presence_penalty"
    case bias = "logit_bias"
    case topK = "top_k"
    case minP = "min_p"
    case typicalP = "typical_p"
    case repeatPenalty = "repeat_penalty"
    case repeatWindow = "repeat_last_n"
    case dryMultiplier = "dry_multiplier"
    case xtcProbability = "xtc_probability"
    case mirostat
    case minimumTokens = "min_tokens"
    case ignoresEnd = "ignore_eos"
    case logprobs
    case choices = "n"
    case prediction
    case parallelCalls = "parallel_tool_calls"
    case toolChoice = "tool_choice"
    case effort = "reasoning_effort"
    case templateArguments = "chat_template_kwargs"
    case reasoningBudget = "reasoning_budget_tokens"
    case adapters = "lora"
    case grammar
    case user

    /// What happens to the field in a request for an upstream that does not honour it.
    package enum Lack: String, Sendable {
        case reported = "ignored, reported"
        case refused
        case doneHere = "done here"
    }

    package var lack: Lack {
        switch self {
        case .choices: .doneHere
        case .grammar: .refused
        default: .reported
        }
    }
}
