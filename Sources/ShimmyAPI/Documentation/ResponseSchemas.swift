import ShimmyJSON

/// The schemas of the fields of responses, by the paths of the tables' rows, like `RequestSchemas`. Fields without an entry may have any value.
enum ResponseSchemas {
    static func schema(of field: String, in path: String) -> JSON? { all["\(path) \(field)"] ?? all[field] }

    static let all: [String: JSON] = [
        objects, answers, responses, ollama, own, keys, requests, DecisionSchemas.responses,
    ].reduce(into: [:]) { all, table in all.merge(table) { first, _ in first } }

    private typealias Form = SchemaForms

    private static let objects: [String: JSON] = [
        "id": Form.string, "object": Form.string, "created": Form.integer, "created_at": Form.integer, "model": Form.string, "owned_by": Form.string,
        "shimmy": Form.object,
        "data[].id": Form.string, "data[].object": Form.string, "data[].created": Form.integer, "data[].owned_by": Form.string,
        "data[].shimmy": Form.object, "data[].type": Form.string, "data[].display_name": Form.string, "has_more": Form.bool,
        "data[].created_at": Form.string, "/models/{model} created_at": Form.string, "display_name": Form.string, "type": Form.string,
        "data[].index": Form.count, "data[].embedding": Form.either(Form.list(of: Form.number), Form.string),
        "results[].index": Form.count, "results[].relevance_score": Form.number, "results[].document.text": Form.string, "meta": Form.object,
    ]

    private static let answers: [String: JSON] = [
        "choices[].index": Form.count, "choices[].text": Form.string,
        "choices[].message.role": Form.words("assistant"), "choices[].message.content": Form.orNull(Form.string),
        "choices[].message.reasoning_content": Form.orNull(Form.string), "choices[].message.annotations": Form.array,
        "choices[].message.tool_calls": Form.orNull(Form.array), "choices[].message.function_call": Form.orNull(Form.object),
        "choices[].message.refusal": Form.null,
        "choices[].logprobs": Form.orNull(Form.object), "choices[].finish_reason": Form.orNull(Form.string),
        "choices[].delta.role": Form.string, "choices[].delta.content": Form.orNull(Form.string), "choices[].delta.tool_calls": Form.array,
        "choices[].delta.function_call": Form.object, "choices[].delta.reasoning_content": Form.string, "choices[].delta.refusal": Form.null,
        "usage.prompt_tokens": Form.count, "usage.completion_tokens": Form.count, "usage.total_tokens": Form.count,
        "usage.prompt_tokens_details.cached_tokens": Form.count, "usage.prompt_tokens_details.audio_tokens": Form.count,
        "usage.completion_tokens_details.reasoning_tokens": Form.count, "usage.completion_tokens_details.audio_tokens": Form.count,
        "usage.completion_tokens_details.accepted_prediction_tokens": Form.count,
        "usage.completion_tokens_details.rejected_prediction_tokens": Form.count,
        "system_fingerprint": Form.string, "service_tier": Form.orNull(Form.string),
        "role": Form.words("assistant"), "content[].type": Form.string, "content[].text": Form.string, "content[].thinking": Form.string,
        "content[].signature": Form.string, "content[].id": Form.string, "content[].name": Form.string, "content[].input": Form.object,
        "stop_reason": Form.string, "stop_sequence": Form.orNull(Form.string), "stop_details": Form.null,
        "usage.output_tokens_details.thinking_tokens": Form.count, "usage.service_tier": Form.string,
        "usage.cache_creation.ephemeral_5m_input_tokens": Form.count, "usage.cache_creation.ephemeral_1h_input_tokens": Form.count,
        "usage.server_tool_use": Form.null, "usage.inference_geo": Form.null,
    ]

    private static let responses: [String: JSON] = [
        // A response that is not complete has no usage yet.
        "/responses usage": Form.null,
        "status": Form.string, "output": Form.array, "metadata": Form.orNull(Form.object), "store": Form.bool, "background": Form.bool,
        "parallel_tool_calls": Form.bool, "tools": Form.array, "completed_at": Form.orNull(Form.integer),
        "previous_response_id": Form.orNull(Form.string),
        "usage.input_tokens": Form.count, "usage.input_tokens_details.cached_tokens": Form.count,
        "usage.input_tokens_details.cache_write_tokens": Form.count, "usage.cache_read_input_tokens": Form.count,
        "usage.cache_creation_input_tokens": Form.count, "usage.output_tokens": Form.count,
        "usage.output_tokens_details.reasoning_tokens": Form.count, "input_tokens": Form.count,
    ]

    private static let ollama: [String: JSON] = {
        var fields: [String: JSON] = [
            "message.role": Form.string, "message.content": Form.string, "message.thinking": Form.string, "message.tool_calls": Form.array,
            "response": Form.string, "thinking": Form.string, "context": Form.list(of: Form.count), "done": Form.bool, "done_reason": Form.string,
            "total_duration": Form.count, "load_duration": Form.count, "prompt_eval_count": Form.count, "prompt_eval_duration": Form.count,
            "eval_count": Form.count, "eval_duration": Form.count,
            "/api/chat created_at": Form.string, "/api/generate created_at": Form.string,
            "embeddings": Form.list(of: Form.list(of: Form.number)), "embedding": Form.list(of: Form.number),
            "version": Form.string, "capabilities": Form.strings, "model_info": Form.object, "modelfile": Form.string, "template": Form.string,
            "license": Form.string, "parameters": Form.string, "modified_at": Form.string,
            "total": Form.count, "completed": Form.count, "digest": Form.string,
            "models[].name": Form.string, "models[].model": Form.string, "models[].size": Form.count, "models[].size_vram": Form.count,
            "models[].context_length": Form.count, "models[].digest": Form.string, "models[].modified_at": Form.string,
            "models[].expires_at": Form.string,
        ]
        for prefix in ["", "models[]."] {
            for name in ["parent_model", "format", "family", "parameter_size", "quantization_level"] {
                fields["\(prefix)details.\(name)"] = Form.string
            }
            fields["\(prefix)details.families"] = Form.strings
            for name in ["context_length", "embedding_length"] { fields["\(prefix)details.\(name)"] = Form.count }
        }
        return fields
    }()

    private static let own: [String: JSON] = [
        "ready": Form.bool, "models_loaded": Form.count, "engine": Form.object, "server": EngineSchemas.server, "memory": Form.object,
        "waiting": Form.count, "waiting_limit": Form.count, "/engine data": Form.array, "/admin/upstreams data": Form.array,
        "/admin/upstreams problem": Form.orNull(Form.string), "unloaded": Form.bool, "pinned": Form.bool,
        "/conversations data[].created_at": Form.integer, "/conversations data[].metadata": Form.orNull(Form.object),
        "/conversations first_id": Form.string, "/conversations last_id": Form.string,
        "/admin/downloads data[].model": Form.string, "/admin/downloads data[].repository": Form.string,
        "/admin/downloads data[].completed": Form.count, "/admin/downloads data[].total": Form.count,
        "/admin/downloads data[].running": Form.bool, "/admin/downloads data[].created_at": Form.integer,
        "/models/rescan models": Form.count, "prompt": Form.string, "prompt_tokens": Form.count, "tokens": Form.array,
        "count": Form.count, "max_model_len": Form.count, "token_strs": Form.strings, "/detokenize content": Form.string,
        "bos_token": Form.orNull(Form.string), "eos_token": Form.orNull(Form.string), "pad_token": Form.null,
        "chat_template": Form.string, "model_max_length": Form.orNull(Form.integer),
    ]

    private static let requests: [String: JSON] = {
        let all = "/admin/requests"
        let one = all + "/{request_id}"
        let names = Form.orNull(Form.string)
        let times = Form.orNull(Form.number)
        let counts = Form.orNull(Form.count)
        let record: [String: JSON] = [
            "number": Form.count, "time": Form.number, "method": Form.string, "endpoint": Form.string, "api": Form.string, "model": names,
            "stream": Form.bool, "status": counts, "end": Form.string, "error": names, "key": names, "address": names, "prompt_tokens": counts,
            "cached_tokens": counts, "completion_tokens": counts, "queue_ms": times, "first_ms": times, "answered_ms": times,
            "total_ms": Form.number, "inspected": Form.bool,
        ]
        var fields: [String: JSON] = [
            "\(all) limit": Form.count, "inspects": Form.bool, "\(one) phases": Form.array, "\(one) body": Form.object,
            "\(one) prompts": Form.array, "\(one) answers": Form.array,
        ]
        for (name, schema) in record {
            fields["\(all) data[].\(name)"] = schema
            fields["\(one) \(name)"] = schema
        }
        return fields
    }()

    private static let keys: [String: JSON] = {
        let all = "/organization/admin_api_keys"
        let one = all + "/{key_id}"
        var fields: [String: JSON] = [
            "redacted_value": Form.string, "last_used_at": Form.null, "owner": Form.object, "value": Form.string, "deleted": Form.bool,
            "\(all) data[].name": Form.string, "\(all) first_id": Form.string, "\(all) last_id": Form.string,
        ]
        for name in ["start_time", "end_time"] { fields["data[].\(name)"] = Form.integer }
        fields["data[].results"] = Form.array
        fields["next_page"] = Form.orNull(Form.string)
        for path in [all, one, one + "/rotate"] { fields["\(path) name"] = Form.string }
        fields["/key name"] = Form.orNull(Form.string)
        fields["/key role"] = Form.string
        fields["/key models"] = Form.strings
        fields["/key weight"] = Form.number
        for name in ["created_at", "expires_at"] { fields["/key \(name)"] = Form.orNull(Form.integer) }
        for name in ["limits", "remaining", "reset_seconds"] { fields["/key \(name)"] = Form.object }
        return fields
    }()
}
