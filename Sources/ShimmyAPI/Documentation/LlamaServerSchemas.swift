import ShimmyJSON

/// The schemas of the fields of llama-server's and LM Studio's APIs: a part of `RequestSchemas`.
enum LlamaServerSchemas {
    private typealias Form = SchemaForms

    private static let number = Form.whole(Int(Int32.min), Int(Int32.max))

    static let requests: [String: JSON] = {
        var fields: [String: JSON] = [
            "n_predict": number, "n_cmpl": Form.whole(1, 128), "n_indent": Form.whole(0, Int(Int32.max)),
            "t_max_predict_ms": Form.whole(-1, Int(Int32.max)), "n_probs": Form.whole(0, 20),
            "samplers": Form.either(Form.string, ["type": "array", "items": Form.string, "maxItems": 64]),
            "timings_per_token": Form.bool, "return_tokens": Form.bool,
            "response_fields": ["type": "array", "items": Form.string, "maxItems": 64],
            "/completion prompt": Form.either(Form.string, ["type": "array", "items": Form.either(Form.string, Form.count), "minItems": 1]),
            "/infill prompt": Form.string, "input_prefix": Form.string, "input_suffix": Form.string, "input_extra[].text": Form.string,
            "input_extra[].filename": Form.string,
            "/embedding content": text, "/embedding input": text, "embd_normalize": Form.whole(0, 64),
            "/apply-template messages": Form.list(of: Form.object, minimum: 1),
            "fail_on_no_slot": Form.string,
            "context_length": Form.whole(1, Int(Int32.max)), "ttl": Form.whole(0, Int(Int32.max)), "echo_load_config": Form.bool,
            "instance_id": Form.string,
        ]
        for path in ["/completion", "/infill"] {
            fields["\(path) max_tokens"] = number
            fields["\(path) repeat_last_n"] = number
            fields["\(path) stop"] = Form.either(Form.string, ["type": "array", "items": ["type": "string", "maxLength": 1024], "maxItems": 64])
            fields["\(path) logit_bias"] = Form.either(Form.object, Form.list(of: Form.array))
            fields["\(path) json_schema"] = Form.object
            for parameter in SamplingParameter.allCases where parameter != .repeatLastN {
                let limit = SamplingLimits.llamaServer[parameter]
                let bounds = Form.whole(Int(limit.range.lowerBound), Int(limit.range.upperBound))
                fields["\(path) \(parameter.rawValue)"] = limit.excess == .refused ? bounds : Form.number
            }
        }
        return fields
    }()

    private static let text = Form.either(Form.string, Form.list(of: Form.string, minimum: 1))
}
