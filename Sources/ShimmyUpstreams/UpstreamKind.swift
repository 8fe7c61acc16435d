/// The program that an upstream runs, which determines its dialect and what it honours.
package enum UpstreamKind: String, Sendable, CaseIterable {
    case vllm, sglang, llamaServer = "llama-server", ollama, shimmy, openai, anthropic
}
