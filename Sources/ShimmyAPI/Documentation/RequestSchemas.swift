import ShimmyCore
import ShimmyJSON

/// The schemas of the fields of requests, by the paths of the tables' rows. A key with the path of an endpoint before the field applies to that
/// endpoint alone. A field with members has only its other forms here. A test finds keys without a row, and rows without a key.
enum RequestSchemas {
    /// Returns the schema of a field; nil if any value is allowed, or for an object with the members that the rows have.
    /// - path: the endpoint's path as in the tables.
    static func schema(of field: String, in path: String) -> JSON? { all["\(path) \(field)"] ?? all[field] }

    /// Returns whether a request must have a field.
    static func isRequired(_ field: String, _ method: String, _ path: String) -> Bool {
        (required["\(method) \(path)"] ?? MediaSchemas.required["\(method) \(path)"])?.contains(field) ?? false
    }

    static let all: [String: JSON] = [
        shared, chat, sampling, responses, vectors, messages, ollama, ollamaModels, own, keyChange, DecisionSchemas.requests,
        LlamaServerSchemas.requests, MediaSchemas.requests,
    ].reduce(into: [:]) { all, table in all.merge(table) { first, _ in first } }

    private typealias Form = SchemaForms

    static let required: [String: Set<String>] = [
        "POST /chat/completions": [
            "model", "messages", "messages[].role", "messages[].content[].type", "tools[].type", "tools[].function.name", "tools[].custom.name",
            "messages[].content[].thinking[].type", "messages[].content[].thinking[].text",
            "functions[].name", "response_format.type", "response_format.json_schema.name", "prediction.type", "prediction.content",
            "prediction.content[].type", "tools[].custom.format.type", "tools[].custom.format.grammar.syntax",
            "tools[].custom.format.grammar.definition", "messages[].tool_calls[].function.name", "messages[].tool_calls[].custom.name",
            "messages[].function_call.name",
        ],
        "POST /chat/completions/render": ["model", "messages", "messages[].role"],
        "POST /completions": ["model", "prompt"],
        "POST /responses": ["model", "tools[].type", "text.format.type", "conversation.id"],
        "POST /responses/compact": ["model"],
        "POST /embeddings": ["model", "input"],
        "POST /decisions": [
            "model", "input", "questions", "questions[].type", "questions[].instructions", "questions[].instructions[].type",
            "questions[].choices[].value", "questions[].levels[].label",
        ],
        "POST /systemone": ["model", "state", "questions"],
        "POST /moderations": ["input", "input[].type"],
        "POST /rerank": ["model", "query", "documents"], "POST /v2/rerank": ["model", "query", "documents"],
        "POST /chat/completions/{completion_id}": ["metadata"], "POST /conversations/{conversation_id}": ["metadata"],
        "POST /conversations/{conversation_id}/items": ["items"],
        "POST /messages": ["model", "max_tokens", "messages", "messages[].role", "messages[].content", "tools[].name", "tool_choice.type"],
        "POST /messages/count_tokens": ["model", "messages", "messages[].role", "messages[].content", "tools[].name", "tool_choice.type"],
        "POST /api/chat": ["model", "messages[].role", "tools[].function", "tools[].function.name"], "POST /api/generate": ["model"],
        "POST /api/embed": ["model"], "POST /api/embeddings": ["model"],
        "POST /api/copy": ["source", "destination"],
        "POST /completion": ["prompt"], "POST /infill": ["input_prefix", "input_suffix", "input_extra[].text"],
        "POST /apply-template": ["messages"], "POST /api/v1/models/load": ["model"], "POST /api/v1/models/unload": ["instance_id"],
        "POST /chat/completions/input_tokens": ["model", "messages", "messages[].role"],
        "POST /models/load": ["model"], "POST /models/unload": ["model"], "POST /models/pull": ["model"],
        "POST /models/pin": ["model"], "POST /models/unpin": ["model"],
        "POST /detokenize": ["tokens"], "POST /organization/admin_api_keys": ["name"],
    ]

    /// The fields that mean the same in all requests that have them.
    private static let shared: [String: JSON] = [
        "model": Form.string,
        "stream": Form.bool,
        "stream_options.include_usage": Form.bool,
        "stream_options.include_obfuscation": Form.bool,
        "keep_alive": Form.either(Form.number, Form.string),
        "metadata": [
            "type": "object", "maxProperties": 16, "propertyNames": ["maxLength": 64], "additionalProperties": ["type": "string", "maxLength": 512],
        ],
        "service_tier": Form.words("auto", "default", "flex", "scale", "priority", "fast", "ultrafast"),
        "store": Form.bool, "user": Form.string, "safety_identifier": Form.string, "metadata.user_id": Form.string,
        "parallel_tool_calls": Form.bool,
        "lora[].name": Form.string, "lora[].id": Form.count, "lora[].scale": Form.decimal(-10, 10),
        "grammar": Form.string, "regex": Form.string, "choice": Form.list(of: Form.string, minimum: 1),
        "reasoning_budget_tokens": Form.whole(-1, Int(Int32.max)),
        "chat_template_kwargs": Form.anything, "chat_template_kwargs.enable_thinking": Form.bool, "enable_thinking": Form.bool,
        "/responses/input_tokens chat_template_kwargs": Form.object,
        "max_tokens_over_context": Form.words("refuse", "clamp"),
        "order": Form.words("asc", "desc"), "limit": Form.whole(1, 100), "after": Form.string,
        "include": Form.strings,
        "items": ["type": "array", "items": ["type": "object"], "maxItems": 20],
        "starting_after": Form.count, "include_obfuscation": Form.bool,
    ]

    private static let sampling: [String: JSON] = [
        "temperature": Form.decimal(0, 2), "top_p": Form.decimal(0, 1), "seed": Form.integer,
        "frequency_penalty": Form.decimal(-2, 2), "presence_penalty": Form.decimal(-2, 2),
        "logit_bias": [
            "type": "object", "propertyNames": ["pattern": "^[0-9]{1,9}$"],
            "additionalProperties": ["type": "number", "minimum": -100, "maximum": 100],
        ],
        "top_k": Form.whole(-1, Int(Int32.max)), "min_p": Form.decimal(0, 1), "typical_p": Form.decimal(0, 1),
        "repeat_penalty": Form.decimal(0.01, 100), "repeat_last_n": Form.whole(0, 65536), "repetition_penalty": Form.decimal(0.01, 100),
        "min_tokens": Form.whole(0, Int(Int32.max)), "ignore_eos": Form.bool,
        "dry_multiplier": Form.decimal(0, 100), "dry_base": Form.decimal(1, 100), "dry_allowed_length": Form.whole(1, 65536),
        "dry_penalty_last_n": Form.whole(-1, 65536),
        "dry_sequence_breakers": ["type": "array", "items": ["type": "string", "maxLength": 64], "maxItems": 32],
        "xtc_probability": Form.decimal(0, 1), "xtc_threshold": Form.decimal(0, 1),
        "mirostat": Form.whole(0, 2), "mirostat_tau": Form.decimal(0, 100), "mirostat_eta": Form.decimal(0, 1),
    ]

    private static let detail = Form.words("auto", "low", "high", "original")

    private static let chat: [String: JSON] = [
        "messages[].role": Form.words("system", "developer", "user", "assistant", "tool", "function"),
        "messages[].content": Form.string,
        "messages[].content[].type": Form.words(
            "text", "input_text", "output_text", "refusal", "image_url", "input_audio", "thinking", "reasoning"),
        "messages[].content[].reasoning": Form.string, "messages[].content[].thinking[].type": Form.words("text"),
        "messages[].content[].thinking[].text": Form.string,
        "messages[].content[].image_url.url": Form.string, "messages[].content[].image_url.detail": detail,
        "messages[].content[].input_audio.data": Form.string, "messages[].content[].input_audio.format": Form.string,
        "messages[].content[].text": Form.string, "messages[].content[].refusal": Form.string,
        "messages[].name": Form.string, "messages[].tool_call_id": Form.string,
        "messages[].reasoning_content": Form.string, "messages[].reasoning": Form.string,
        "messages[].tool_calls[].id": Form.string,
        "messages[].tool_calls[].function.name": Form.string, "messages[].tool_calls[].function.arguments": Form.string,
        "messages[].tool_calls[].custom.name": Form.string, "messages[].tool_calls[].custom.input": Form.string,
        "messages[].function_call.name": Form.string, "messages[].function_call.arguments": Form.string,
        "max_tokens": Form.either(Form.whole(1, Int(Int32.max)), Form.whole(-1, -1)), "max_completion_tokens": Form.whole(1, Int(Int32.max)),
        "/completions max_tokens": Form.whole(0, Int(Int32.max)),
        "stop": Form.either(Form.string, ["type": "array", "items": Form.string, "maxItems": 4]),
        "n": Form.whole(1, 128),
        "prediction.type": Form.words("content"), "prediction.content": Form.string,
        "prediction.content[].type": Form.words("text", "refusal"), "prediction.content[].text": Form.string,
        "prediction.content[].refusal": Form.string,
        "logprobs": Form.bool, "/completions logprobs": Form.whole(0, 5), "top_logprobs": Form.whole(0, 20),
        "guided_json": Form.either(Form.object, Form.string), "guided_regex": Form.string, "guided_choice": Form.strings,
        "guided_grammar": Form.string,
        "structured_outputs.json": Form.either(Form.object, Form.string), "structured_outputs.json_object": Form.bool,
        "structured_outputs.regex": Form.string, "structured_outputs.choice": Form.strings, "structured_outputs.grammar": Form.string,
        "json_schema": Form.anything,
        "add_generation_prompt": Form.bool, "continue_final_message": Form.bool,
        "reasoning_effort": Form.words("none", "minimal", "low", "medium", "high", "xhigh", "max"),
        "reasoning_field": Form.words("reasoning_content", "reasoning", "both"),
        "thinking_budget": Form.whole(-1, Int(Int32.max)), "thinking_budget_tokens": Form.whole(-1, Int(Int32.max)),
        "/chat/completions thinking.budget_tokens": Form.whole(-1, Int(Int32.max)),
        "/chat/completions think": Form.either(Form.bool, Form.words("none", "minimal", "low", "medium", "high", "xhigh", "max")),
        "/chat/completions tool_choice": Form.either(Form.words("none", "auto", "required", "any"), Form.object),
        "/chat/completions thinking.type": Form.words("enabled", "disabled", "adaptive", "auto"),
        "tools[].type": Form.string, "tools[].function.name": Form.string, "tools[].function.description": Form.string,
        "tools[].function.parameters": Form.object, "tools[].function.strict": Form.bool,
        "tools[].custom.name": Form.string, "tools[].custom.description": Form.string,
        "tools[].custom.format.type": Form.words("text", "grammar"),
        "tools[].custom.format.grammar.syntax": Form.words("lark", "regex"), "tools[].custom.format.grammar.definition": Form.string,
        "tool_choice": Form.either(Form.words("none", "auto", "required"), Form.object),
        "functions[].name": Form.string, "functions[].description": Form.string, "functions[].parameters": Form.object,
        "functions[].strict": Form.bool,
        "function_call": Form.either(Form.words("none", "auto"), Form.object),
        "response_format.type": Form.words("text", "json_object", "json_schema"), "response_format.schema": Form.object,
        "response_format.json_schema.name": Form.string, "response_format.json_schema.description": Form.string,
        "response_format.json_schema.strict": Form.bool, "response_format.json_schema.schema": Form.object,
        "best_of": Form.whole(1, 20), "echo": Form.bool, "suffix": Form.string,
        "/completions prompt": Form.either(
            Form.string, Form.list(of: Form.string, minimum: 1), Form.list(of: Form.count, minimum: 1),
            Form.list(of: Form.list(of: Form.count, minimum: 1), minimum: 1)),
    ]

    private static let responses: [String: JSON] = [
        "instructions": Form.string, "previous_response_id": Form.string, "conversation": Form.string, "conversation.id": Form.string,
        "max_output_tokens": Form.whole(1, Int(Int32.max)), "max_tool_calls": Form.integer,
        "truncation": Form.words("auto", "disabled"), "background": Form.bool,
        "/responses input": Form.string, "/responses/input_tokens input": Form.either(Form.string, Form.list(of: Form.object)),
        "/responses/compact input": Form.either(Form.string, Form.list(of: Form.object)),
        "input[].type": Form.string, "input[].namespace": Form.string, "input[].action": Form.object, "input[].operation": Form.object,
        "input[].role": Form.string, "input[].content": Form.string, "input[].content[].type": Form.string, "input[].content[].text": Form.string,
        "input[].content[].image_url": Form.string, "input[].content[].detail": detail, "input[].content[].input_audio.data": Form.string,
        "input[].content[].input_audio.format": Form.string,
        "input[].content[].refusal": Form.string, "input[].id": Form.string, "input[].status": Form.string, "input[].call_id": Form.string,
        "input[].name": Form.string, "input[].arguments": Form.either(Form.string, Form.object), "input[].output": Form.string,
        "input[].output[].type": Form.string, "input[].output[].text": Form.string, "input[].output[].image_url": Form.string,
        "input[].output[].detail": detail, "input[].input": Form.string,
        "input[].summary[].type": Form.string, "input[].summary[].text": Form.string, "input[].encrypted_content": Form.string,
        "tools[].tools[].type": Form.string, "tools[].tools[].name": Form.string, "tools[].tools[].description": Form.string,
        "tools[].tools[].parameters": Form.object, "tools[].tools[].strict": Form.bool, "tools[].tools[].defer_loading": Form.bool,
        "tools[].environment": Form.object, "tools[].execution": Form.string, "tools[].defer_loading": Form.bool,
        "tools[].name": Form.string, "tools[].description": Form.string, "tools[].parameters": Form.object, "tools[].strict": Form.bool,
        "tools[].format.type": Form.words("text", "grammar"), "tools[].format.syntax": Form.words("lark", "regex"),
        "tools[].format.definition": Form.string,
        "text.format.type": Form.words("text", "json_object", "json_schema"), "text.format.name": Form.string,
        "text.format.description": Form.string, "text.format.strict": Form.bool, "text.format.schema": Form.object, "text.verbosity": Form.string,
        "reasoning.effort": Form.words("none", "minimal", "low", "medium", "high", "xhigh", "max"),
        "reasoning.summary": Form.string, "reasoning.generate_summary": Form.string,
        "/responses/input_tokens tools": Form.list(of: Form.object), "/responses/input_tokens text": Form.object,
        "/responses/input_tokens reasoning": Form.object, "/responses/input_tokens conversation": Form.either(Form.string, Form.object),
    ]

    private static let vectors: [String: JSON] = [
        "/embeddings input": Form.either(
            Form.string, Form.list(of: Form.string, minimum: 1), Form.list(of: Form.count, minimum: 1),
            Form.list(of: Form.list(of: Form.count, minimum: 1), minimum: 1)),
        "encoding_format": Form.words("float", "base64"), "dimensions": Form.whole(1, Int(Int32.max)),
        "query": Form.string, "top_n": Form.whole(1, Int(Int32.max)), "return_documents": Form.bool,
        "documents": Form.list(
            of: Form.either(Form.string, ["type": "object", "properties": ["text": Form.string], "required": ["text"]]), minimum: 1),
    ]

    /// The fields of Anthropic's API.
    private static let messages: [String: JSON] = {
        var fields: [String: JSON] = [
            "/messages messages[].role": Form.words("user", "assistant", "system"),
            "/messages/count_tokens messages[].role": Form.words("user", "assistant", "system"),
            "/messages temperature": Form.decimal(0, 1),
            "/messages top_k": Form.count, "/messages service_tier": Form.string,
            "/models limit": Form.whole(1, 1000), "after_id": Form.string, "before_id": Form.string,
            "stop_sequences": Form.strings,
            "/messages system": Form.string, "/messages/count_tokens system": Form.string,
            "system[].type": Form.words("text"), "system[].text": Form.string, "system[].cache_control": cacheMark,
            "cache_control": cacheMark, "tools[].cache_control": cacheMark,
            "tools[].input_schema": Form.object,
            "/messages tool_choice": Form.anything, "/messages/count_tokens tool_choice": Form.anything,
            "tool_choice.type": Form.words("auto", "any", "tool", "none"), "tool_choice.name": Form.string,
            "tool_choice.disable_parallel_tool_use": Form.bool,
            "thinking.type": Form.words("enabled", "adaptive", "disabled"), "thinking.budget_tokens": Form.count,
            "thinking.display": Form.words("summarized", "omitted"),
            "output_config.effort": Form.words("low", "medium", "high", "xhigh", "max"),
            "output_config.format.type": Form.words("json_schema"), "output_config.format.schema": Form.object,
            "output_format.type": Form.words("json_schema"), "output_format.schema": Form.object,
        ]
        fields.merge(messageBlocks) { first, _ in first }
        return fields
    }()

    private static let cacheMark: JSON = ["type": "object", "properties": ["type": Form.string]]

    private static let messageBlocks: [String: JSON] = {
        let block = "messages[].content[]"
        var fields: [String: JSON] = [:]
        for name in ["tool_use_id", "id", "name", "thinking", "signature", "data"] { fields["\(block).\(name)"] = Form.string }
        fields["\(block).is_error"] = Form.bool
        fields["\(block).input"] = Form.object
        for inner in ["", ".content[]", ".content[].content[]", ".source.content[]", ".content[].source.content[]"] {
            let path = block + inner
            for name in ["type", "text"] { fields["/messages \(path).\(name)"] = Form.string }
            for name in ["type", "text"] { fields["/messages/count_tokens \(path).\(name)"] = Form.string }
            fields["\(path).cache_control"] = cacheMark
        }
        for inner in ["", ".content[]"] {
            let path = block + inner
            for name in ["source.media_type", "source.url", "title", "context", "source", "source.type", "source.data", "source.content", "content"] {
                fields["\(path).\(name)"] = Form.string
            }
        }
        return fields
    }()

    private static let ollama: [String: JSON] = {
        var fields: [String: JSON] = [
            "/api/chat messages[].role": Form.string,
            "/api/chat messages[].images": Form.list(of: Form.string), "/api/generate images": Form.list(of: Form.string),
            "messages[].thinking": Form.string, "messages[].tool_calls[].function.index": Form.count,
            "/api/chat messages[].tool_calls[].function.arguments": Form.either(Form.object, Form.string), "messages[].tool_name": Form.string,
            "truncate": Form.bool,
            "prompt": Form.string, "/api/generate system": Form.string, "raw": Form.bool, "context": Form.list(of: Form.count),
            "/api/embed input": Form.either(Form.string, Form.strings),
            "/api/embed options": Form.anything, "/api/embeddings options": Form.anything,
            "format": Form.either(Form.words("json", ""), Form.object),
            "think": Form.either(Form.bool, Form.words("low", "medium", "high", "max")),
            "options.num_ctx": Form.whole(-1, 65536), "options.num_predict": Form.whole(-2, Int(Int32.max)), "options.seed": Form.integer,
            "options.stop": Form.either(Form.string, ["type": "array", "items": ["type": "string", "maxLength": 1024], "maxItems": 64]),
            "options.repeat_last_n": Form.whole(-1, Int(Int32.max)),
        ]
        for name in OllamaParameters.sameNames { fields["options.\(name)"] = Form.number }
        return fields
    }()

    private static let ollamaModels: [String: JSON] = [
        "name": Form.string, "source": Form.string, "destination": Form.string, "from": Form.string, "files": Form.object,
        "/api/create system": Form.string, "parameters": Form.object, "/api/create messages[].role": Form.words("system", "user", "assistant"),
        "/api/create messages[].content": Form.string, "template": Form.string, "license": Form.either(Form.string, Form.strings),
    ]

    private static let own: [String: JSON] = [
        "/tokenize content": Form.string, "/tokenize messages": Form.list(of: Form.object, minimum: 1),
        "add_special": Form.bool, "add_special_tokens": Form.bool, "parse_special": Form.bool, "with_pieces": Form.bool,
        "return_token_strs": Form.bool, "tokens": Form.list(of: Form.count),
        "role": Form.words("user", "admin"),
        "models": [
            "type": "array", "items": ["type": "string", "minLength": 1, "maxLength": 256], "minItems": 1, "maxItems": .int(KeyRanges.mostModels),
        ],
        "requests_per_minute": limit(KeyRanges.count), "tokens_per_minute": limit(KeyRanges.count), "tokens_per_day": limit(KeyRanges.count),
        "concurrency": limit(KeyRanges.concurrency), "limits": Form.object,
        "/organization/admin_api_keys max_output_tokens": limit(KeyRanges.outputTokens),
        "/admin/requests limit": Form.whole(1, 500), "/admin/requests before": Form.whole(1), "/admin/events limit": Form.whole(1, 1_000_000),
        "/organization/usage/completions limit": Form.whole(1, 31), "/organization/usage/embeddings limit": Form.whole(1, 31),
        "start_time": Form.count, "end_time": Form.count, "bucket_width": Form.words("1d"), "page": Form.string,
        "group_by": Form.list(of: Form.words("user_id", "api_key_id", "model")), "/organization/usage/completions models": Form.strings,
        "/organization/usage/embeddings models": Form.strings, "api_key_ids": Form.strings, "user_ids": Form.strings,
        "/key/usage/completions limit": Form.whole(1, 31), "/key/usage/embeddings limit": Form.whole(1, 31),
        "/key/usage/completions models": Form.strings, "/key/usage/embeddings models": Form.strings,
        "weight": Form.decimal(KeyRanges.weight.lowerBound, KeyRanges.weight.upperBound), "expires_at": Form.whole(1),
    ]

    /// The fields that a change of a key can set to null.
    private static let keyChange: [String: JSON] = {
        let path = "/organization/admin_api_keys/{key_id}"
        var fields: [String: JSON] = [:]
        for name in ["requests_per_minute", "tokens_per_minute", "tokens_per_day"] { fields["\(path) \(name)"] = Form.orNull(limit(KeyRanges.count)) }
        fields["\(path) concurrency"] = Form.orNull(limit(KeyRanges.concurrency))
        fields["\(path) max_output_tokens"] = Form.orNull(limit(KeyRanges.outputTokens))
        fields["\(path) expires_at"] = Form.orNull(Form.whole(1))
        fields["\(path) models"] = Form.orNull(Form.strings)
        return fields
    }()

    private static func limit(_ range: ClosedRange<Int>) -> JSON { Form.whole(range.lowerBound, range.upperBound) }
}
