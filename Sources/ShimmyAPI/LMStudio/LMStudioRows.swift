import ShimmyJSON

/// The part of the compatibility matrix about LM Studio's own API.
enum LMStudioRows {
    static let endpoints: [EndpointRow] = [
        EndpointRow("GET", "/api/v0/models", .supported, listed, response: oldFields("data[].")),
        EndpointRow("GET", "/api/v0/models/{model}", .supported, listed, response: oldFields("")),
        EndpointRow("GET", "/api/v1/models", .supported, described, response: fields),
        load, unload,
    ]

    static let load = EndpointRow(
        "POST", "/api/v1/models/load", .partial("a model has one instance, which is named like the model"), loaded,
        request: [
            FieldRow("model", .supported, loaded),
            FieldRow("context_length", .partial("can extend the context, but not shorten it; another length than the model's is reported"), longer),
            FieldRow("echo_load_config", .supported, loaded),
            FieldRow("ttl", .partial("the seconds for which the idle model stays loaded"), loaded),
        ] + ["eval_batch_size", "flash_attention", "num_experts", "offload_kv_cache_to_gpu", "parallel"].map { FieldRow($0, .ignored(neutral: [])) },
        response: ["type", "instance_id", "status"].map { FieldRow($0, .supported, loaded) } + [
            FieldRow("load_time_seconds", .partial("the time that the request waited"), loaded),
            FieldRow("load_config.context_length", .supported, loaded),
        ])

    static let unload = EndpointRow(
        "POST", "/api/v1/models/unload", .partial("a model in use is a 409"), loaded,
        request: [FieldRow("instance_id", .supported, loaded)], response: [FieldRow("instance_id", .supported, loaded)])

    private static func oldFields(_ prefix: String) -> [FieldRow] {
        [
            "id", "object", "type", "arch", "quantization", "state", "max_context_length", "loaded_context_length",
        ].map { FieldRow(prefix + $0, .supported, listed) } + [
            FieldRow(prefix + "publisher", .partial("the owner of the repository, or the program that the model was found in"), listed),
            FieldRow(prefix + "compatibility_type", .partial("gguf or safetensors"), listed),
            FieldRow(prefix + "capabilities", .partial("tool_use for all models that chat"), listed),
        ]
    }

    private static let fields =
        [
            "type", "key", "display_name", "architecture", "quantization.name", "size_bytes", "params_string", "loaded_instances[].id",
            "loaded_instances[].config.context_length", "max_context_length", "capabilities.vision",
        ].map { FieldRow("models[].\($0)", .supported, described) } + [
            FieldRow("models[].publisher", .partial("the owner of the repository, or the program that the model was found in"), described),
            FieldRow("models[].quantization.bits_per_weight", .partial("the mean of all weights"), described),
            FieldRow("models[].format", .partial("gguf or safetensors"), described),
            FieldRow("models[].capabilities.trained_for_tool_use", .partial("true: calls are enforced for all models that chat"), described),
            FieldRow("models[].description", .partial("always null"), described),
        ]

    private static let listed = "test_lm_studios_older_list_of_models"
    private static let described = "test_lm_studios_list_of_models"
    private static let loaded = "test_models_are_loaded_and_unloaded_as_in_lm_studio"
    private static let longer = "test_a_context_is_extended_as_in_lm_studio"
}
