extension Compatibility {
    package static let listModels = EndpointRow(
        "GET", "/models", .supported, "test_list_has_the_documented_shape",
        response: modelFields.map { FieldRow("data[]." + $0.field, $0.support, $0.test) })

    package static let retrieveModel = EndpointRow(
        "GET", "/models/{model}", .supported, "test_retrieve_a_model_raw_and_percent_encoded", response: modelFields)

    private static let modelFields = [
        FieldRow("id", .supported, "test_list_has_the_documented_shape"),
        FieldRow("object", .supported, "test_list_has_the_documented_shape"),
        FieldRow("created", .supported, "test_created_is_the_files_time_and_stable"),
        FieldRow("owned_by", .partial("the source of the model file, such as ollama"), "test_list_has_the_documented_shape"),
        FieldRow("shutdown_date", .notSupported),
        FieldRow(
            "shimmy",
            .partial(
                "Shimmy's own: context_length, capabilities, quantization, size_bytes, memory_bytes, loaded, source, architecture, parameters, problem, "
                    + "aliases, base"),
            "test_extension_block"),
    ]

    /// The endpoints of OpenAI's spec that are in scope but do not exist yet. All return a 404 with `unknown_url`.
    static let absentEndpoints: [EndpointRow] =
        [
            ("/models/{model}", "DELETE"),
            ("/files", "GET POST"), ("/files/{file_id}", "GET DELETE"), ("/files/{file_id}/content", "GET"),
            ("/batches", "GET POST"), ("/batches/{batch_id}", "GET"), ("/batches/{batch_id}/cancel", "POST"),
            ("/vector_stores", "GET POST"), ("/vector_stores/{vector_store_id}", "GET POST DELETE"),
            ("/vector_stores/{vector_store_id}/search", "POST"), ("/vector_stores/{vector_store_id}/files", "GET POST"),
            ("/vector_stores/{vector_store_id}/files/{file_id}", "GET POST DELETE"),
            ("/vector_stores/{vector_store_id}/files/{file_id}/content", "GET"),
            ("/vector_stores/{vector_store_id}/file_batches", "POST"), ("/vector_stores/{vector_store_id}/file_batches/{batch_id}", "GET"),
            ("/vector_stores/{vector_store_id}/file_batches/{batch_id}/cancel", "POST"),
            ("/vector_stores/{vector_store_id}/file_batches/{batch_id}/files", "GET"),
        ]
        .flatMap { path, methods in methods.split(separator: " ").map { EndpointRow(String($0), path, .notSupported) } }
}
