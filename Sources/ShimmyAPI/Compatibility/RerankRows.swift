import ShimmyJSON

extension Compatibility {
    package static let rerank = EndpointRow(
        "POST", "/rerank", .partial("not OpenAI's, but Jina's; `/v2/rerank` takes the same and answers as Cohere does"), ranked,
        request: [
            FieldRow("model", .supported, ranked),
            FieldRow("query", .supported, ranked),
            FieldRow("documents", .partial("texts, or objects with a text; one that does not fit is a 400, none is cut"), ranked),
            FieldRow("top_n", .supported, ranked),
            FieldRow("return_documents", .partial("true unless given, with `/v2/rerank` false"), cohere),
            FieldRow(
                "keep_alive", .partial("Shimmy's own, as Ollama has it: how long the model stays loaded afterwards"),
                "test_requests_say_how_long_a_model_stays"),
            FieldRow("rank_fields", .refused(neutral: [["text"]])),
            FieldRow("max_tokens_per_doc", .ignored(neutral: [])),
            FieldRow("max_chunks_per_doc", .ignored(neutral: [])),
            FieldRow("priority", .ignored(neutral: [0])),
        ],
        response: [
            FieldRow("object", .supported, ranked),
            FieldRow("model", .supported, ranked),
            FieldRow("results[].index", .supported, ranked),
            FieldRow("results[].relevance_score", .partial("what the model says, which need not be a probability"), ranked),
            FieldRow("results[].document.text", .supported, ranked),
            FieldRow("usage.prompt_tokens", .supported, ranked),
            FieldRow("usage.total_tokens", .supported, ranked),
            FieldRow("id", .partial("with `/v2/rerank`"), cohere),
            FieldRow("meta", .partial("with `/v2/rerank`, in place of usage: the version and the tokens"), cohere),
        ])

    private static let ranked = "test_documents_are_ranked"
    private static let cohere = "test_documents_are_ranked_as_cohere_has_it"
}
