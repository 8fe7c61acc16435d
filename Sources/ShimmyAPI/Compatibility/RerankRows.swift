import ShimmyJSON

extension Compatibility {
    package static let rerank = EndpointRow(
        "POST", "/rerank", .partial("Jina's API, not OpenAI's; `/v2/rerank` accepts the same request and responds like Cohere"), ranked,
        request: [
            FieldRow("model", .supported, ranked),
            FieldRow("query", .supported, ranked),
            FieldRow(
                "documents", .partial("strings, or objects with a text; a document that does not fit into the context is a 400, not truncated"),
                ranked),
            FieldRow("top_n", .supported, ranked),
            FieldRow("return_documents", .partial("default: true; for `/v2/rerank`: false"), cohere),
            FieldRow(
                "keep_alive", .partial("Shimmy's own, as in Ollama: how long the model stays loaded after the request"),
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
            FieldRow("results[].relevance_score", .partial("the model's score, which is not always a probability"), ranked),
            FieldRow("results[].document.text", .supported, ranked),
            FieldRow("usage.prompt_tokens", .supported, ranked),
            FieldRow("usage.total_tokens", .supported, ranked),
            FieldRow("id", .partial("only from `/v2/rerank`"), cohere),
            FieldRow("meta", .partial("only from `/v2/rerank`, instead of usage: the API version and the input tokens"), cohere),
        ])

    private static let ranked = "test_documents_are_ranked"
    private static let cohere = "test_documents_are_ranked_as_cohere_has_it"
}
