"""The exact structure of answers, as JSON Schemas: all keys are required and no others are allowed."""


def exactly(**properties) -> dict:
    return {"type": "object", "properties": properties, "required": list(properties), "additionalProperties": False}


TEXT = {"type": "string", "minLength": 1}
COUNT = {"type": "integer", "minimum": 0}
NULL = {"type": "null"}
REASON = {"enum": ["stop", "length"]}

USAGE = exactly(
    prompt_tokens={"type": "integer", "minimum": 1},
    completion_tokens=COUNT,
    total_tokens=COUNT,
    prompt_tokens_details=exactly(cached_tokens=COUNT, audio_tokens={"const": 0}),
    completion_tokens_details=exactly(
        reasoning_tokens={"const": 0},
        audio_tokens={"const": 0},
        accepted_prediction_tokens={"const": 0},
        rejected_prediction_tokens={"const": 0},
    ),
)


def envelope(kind: str) -> dict:
    return {
        "id": {"type": "string", "pattern": "^chatcmpl-[0-9A-Za-z]{22}$"},
        "object": {"const": kind},
        "created": {"type": "integer", "minimum": 1_700_000_000},
        "model": TEXT,
        "service_tier": {"const": "default"},
        "system_fingerprint": {"type": "string", "pattern": "^fp_[0-9a-f]+$"},
    }


MESSAGE = exactly(role={"const": "assistant"}, content={"type": "string"}, refusal=NULL, annotations={"const": []})
COMPLETION = exactly(
    **envelope("chat.completion"),
    choices={
        "type": "array",
        "minItems": 1,
        "maxItems": 1,
        "items": exactly(index={"const": 0}, message=MESSAGE, logprobs=NULL, finish_reason=REASON),
    },
    usage=USAGE,
)


def chunk(delta: dict, reason: dict, with_usage: bool) -> dict:
    choice = exactly(index={"const": 0}, delta=delta, logprobs=NULL, finish_reason=reason)
    extra = {"usage": NULL} if with_usage else {}
    return exactly(**envelope("chat.completion.chunk"), choices={"type": "array", "minItems": 1, "maxItems": 1, "items": choice}, **extra)


FIRST_DELTA = exactly(role={"const": "assistant"}, content={"const": ""}, refusal=NULL)
TEXT_DELTA = exactly(content=TEXT)
USAGE_CHUNK = exactly(**envelope("chat.completion.chunk"), choices={"const": []}, usage=USAGE)

MODEL = exactly(
    id=TEXT,
    object={"const": "model"},
    created={"type": "integer", "minimum": 1},
    owned_by=TEXT,
    shimmy=exactly(
        context_length={"type": ["integer", "null"]},
        capabilities={"type": "array", "items": {"enum": ["chat"]}},
        quantization={"type": ["string", "null"]},
        size_bytes=COUNT,
        memory_bytes={"type": ["integer", "null"]},
        loaded={"type": "boolean"},
        source=TEXT,
        architecture={"type": ["string", "null"]},
        parameters={"type": ["integer", "null"]},
        problem={"type": ["string", "null"]},
        aliases={"type": "array", "items": TEXT},
        sampling={"type": "object", "additionalProperties": {"type": "number"}},
        base={"type": ["string", "null"]},
        path=TEXT,
    ),
)
MODELS = exactly(object={"const": "list"}, data={"type": "array", "items": MODEL})
