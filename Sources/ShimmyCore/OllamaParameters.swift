/// Ollama's parameters of a model or of a request, in terms of Shimmy's own requests.
package enum OllamaParameters {
    /// The parameters that have the same name and meaning in a chat request. `seed` has the same name, but -1 means a new seed for each request.
    package static let sameNames = [
        "temperature", "top_k", "top_p", "min_p", "typical_p", "repeat_penalty", "presence_penalty", "frequency_penalty", "mirostat", "mirostat_tau",
        "mirostat_eta",
    ]

    /// The max of `repeat_last_n` in Shimmy's own requests, in tokens.
    package static let longestRepeat = 65536

    /// Returns the number of tokens that `repeat_last_n` means: a negative one means the whole context.
    package static func repeatLength(_ number: Int) -> Int { number < 0 ? longestRepeat : number }
}
