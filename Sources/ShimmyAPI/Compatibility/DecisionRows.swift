extension Compatibility {
    package static let decisions = EndpointRow(
        "POST", "/decisions", .partial("with any chat model; `/v1/systemone` takes the same questions in System One's format"), decided,
        request: [
            FieldRow("model", .partial("any chat model"), decided),
            FieldRow("input", .partial("text, messages, calls and outputs, with text and JSON parts; an image is a 400"), items),
            FieldRow("questions", .supported, decided),
            FieldRow("questions[].type", .supported, decided),
            FieldRow("questions[].name", .supported, decided),
            FieldRow("questions[].instructions", .supported, decided),
            FieldRow("questions[].instructions[].type", .partial("input_text and input_json; an image is a 400"), parts),
            FieldRow("questions[].instructions[].text", .supported, parts),
            FieldRow("questions[].instructions[].data", .supported, parts),
            FieldRow("questions[].choices", .supported, decided),
            FieldRow("questions[].choices[].value", .supported, "choicesAreTyped"),
            FieldRow("questions[].choices[].description", .supported, "questionsAreWrittenForTheModel"),
            FieldRow("questions[].levels", .supported, decided),
            FieldRow("questions[].levels[].label", .supported, decided),
            FieldRow("questions[].levels[].description", .supported, "questionsAreWrittenForTheModel"),
            FieldRow(
                "keep_alive", .partial("Shimmy's own, as in Ollama: how long the model stays loaded after the request"),
                "test_requests_say_how_long_a_model_stays"),
            FieldRow("prompt_cache_key", .ignored(neutral: [])),
            FieldRow("prompt_cache_options", .ignored(neutral: [])),
            endUser("safety_identifier"),
        ],
        response: [
            FieldRow("model", .supported, decided),
            FieldRow("answers[].type", .partial("never a refusal"), decided),
            FieldRow("answers[].name", .supported, decided),
            FieldRow("answers[].probability", .supported, decided),
            FieldRow("answers[].choice", .supported, decided),
            FieldRow("answers[].score", .partial("the expected level; the lowest level is 0"), decided),
            FieldRow("answers[].confidence", .partial("the probability of the most likely answer"), decided),
            FieldRow("answers[].probabilities[].value", .supported, decided),
            FieldRow("answers[].probabilities[].label", .supported, decided),
            FieldRow("answers[].probabilities[].probability", .supported, decided),
            FieldRow("usage.input_tokens", .partial("tokens that all questions share count once"), usage),
            FieldRow("usage.input_tokens_details.cached_tokens", .supported, usage),
            FieldRow("usage.input_tokens_details.cache_write_tokens", .supported, usage),
            FieldRow("usage.output_tokens", .partial("always 0, because nothing is generated"), usage),
            FieldRow("usage.output_tokens_details.reasoning_tokens", .partial("always 0"), usage),
            FieldRow("usage.total_tokens", .supported, usage),
        ])

    package static let moderations = EndpointRow(
        "POST", "/moderations", .partial("with the models that shimmy.toml marks with `moderation`"), moderated,
        request: [
            FieldRow("model", .partial("without it, and for OpenAI's own names, the first model that is marked"), moderated),
            FieldRow("input", .partial("text, texts or text parts; an image is a 400"), "inputsOfModeration"),
            FieldRow("input[].type", .partial("text only"), "inputsOfModeration"),
            FieldRow("input[].text", .supported, "inputsOfModeration"),
            FieldRow(
                "keep_alive", .partial("Shimmy's own, as in Ollama: how long the model stays loaded after the request"),
                "test_requests_say_how_long_a_model_stays"),
        ],
        response: [
            FieldRow("id", .supported, moderated),
            FieldRow("model", .supported, moderated),
            FieldRow("results[].flagged", .partial("whether any score is at least 0.5"), moderated),
            FieldRow("results[].categories", .partial("whether the score is at least 0.5"), moderated),
            FieldRow("results[].category_scores", .partial("the model's probabilities, which are not OpenAI's scores"), moderated),
            FieldRow("results[].category_applied_input_types", .partial("always text"), moderated),
        ])

    private static let decided = "test_the_official_client_asks_for_decisions"
    private static let items = "test_items_as_input"
    private static let parts = "instructionsInParts"
    private static let usage = "test_questions_share_the_input"
    private static let moderated = "test_the_official_client_asks_for_moderation"
}
