/// The pre-tokenizers of llama.cpp that Shimmy knows, by `tokenizer.ggml.pre`.
package enum PreTokenizers {
    /// Pre-tokenizers whose texts cannot be cut, and whose runs of characters are limited.
    private static let uncut: Set<String> = ["exaone-moe", "superbpe"]

    /// The names of all pre-tokenizers for which `TextCuts` and `UnbrokenText` decide.
    package static var names: Set<String> {
        TextCuts.endWordsAtSpaces.union(TextCuts.joinWords).union(UnbrokenText.bounded).union(UnbrokenText.spaced).union(uncut)
    }
}
