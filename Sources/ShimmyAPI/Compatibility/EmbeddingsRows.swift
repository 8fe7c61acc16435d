extension Compatibility {
    package static let embeddings = EndpointRow(
        "POST", "/embeddings", .supported, shape,
        request: [
            FieldRow("model", .supported, shape),
            FieldRow("input", .supported, "test_every_form_of_input"),
            FieldRow("encoding_format", .supported, "test_encodings"),
            FieldRow("dimensions", .partial("any number up to the model's; the vector is truncated and normalized again"), "test_dimensions"),
            FieldRow(
                "keep_alive", .partial("Shimmy's own, as in Ollama: how long the model stays loaded after the request"),
                "test_requests_say_how_long_a_model_stays"),
            endUser("user"),
        ],
        response: [
            "object", "data[].object", "data[].index", "data[].embedding", "model", "usage.prompt_tokens", "usage.total_tokens",
        ].map { FieldRow($0, .supported, shape) })

    private static let shape = "test_embeddings_have_the_documented_shape"
}
