/// The endpoints that upstream servers answer. Their fields are passed on as they are, also those that have no row.
extension Compatibility {
    static let media = [speech, transcriptions, translations, imageGenerations, imageEdits, imageVariations]

    private static let onlyUpstreams = Support.partial("models of upstream servers only; the upstream decides what it supports")
    private static let passed = "test_every_field_is_passed_on"

    static let speech = EndpointRow(
        "POST", "/audio/speech", onlyUpstreams, "test_speech_is_streamed",
        request: fields("input", "voice", "instructions", "response_format", "speed", "stream_format"), media: .bytes)

    static let transcriptions = EndpointRow(
        "POST", "/audio/transcriptions", onlyUpstreams, "test_a_file_is_transcribed",
        request: fields(
            "file", "language", "prompt", "response_format", "temperature", "stream", "include", "timestamp_granularities", "chunking_strategy",
            "known_speaker_names", "known_speaker_references"),
        response: [FieldRow("text", .partial("the upstream's, in the form that response_format asks for"), "test_a_file_is_transcribed")],
        media: .form)

    static let translations = EndpointRow(
        "POST", "/audio/translations", onlyUpstreams, "test_a_file_is_translated",
        request: fields("file", "prompt", "response_format", "temperature"),
        response: [FieldRow("text", .partial("the upstream's, in the form that response_format asks for"), "test_a_file_is_translated")],
        media: .form)

    static let imageGenerations = EndpointRow(
        "POST", "/images/generations", onlyUpstreams, "test_images_are_generated",
        request: fields(
            "prompt", "n", "size", "quality", "background", "moderation", "output_format", "output_compression", "partial_images", "response_format",
            "style", "stream", "user"),
        response: images("test_images_are_generated"), media: .jsonOrForm)

    static let imageEdits = EndpointRow(
        "POST", "/images/edits", onlyUpstreams, "test_images_are_edited",
        request: fields(
            "image", "images", "mask", "prompt", "n", "size", "quality", "background", "input_fidelity", "output_format", "output_compression",
            "partial_images", "response_format", "stream", "user"),
        response: images("test_images_are_edited"), media: .jsonOrForm)

    static let imageVariations = EndpointRow(
        "POST", "/images/variations", onlyUpstreams, "test_images_are_varied",
        request: fields("image", "n", "size", "response_format", "user"), response: images("test_images_are_varied"), media: .jsonOrForm)

    private static func fields(_ names: String...) -> [FieldRow] {
        [FieldRow("model", .partial("the upstream receives its own id of the model"), passed)]
            + names.map { FieldRow($0, .partial($0 == "user" ? "passed on; default: the name of the client's key" : "passed on"), passed) }
    }

    private static func images(_ test: String) -> [FieldRow] {
        ["created", "data", "usage"].map { FieldRow($0, .partial("the upstream's"), test) }
    }
}
