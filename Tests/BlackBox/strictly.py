"""Strict validation of answers against the types of OpenAI's client."""

import json

import pydantic


def strictly(kind, answer, added: set | frozenset = frozenset()):
    """Reads an answer as the client's type, without conversions. Fails if a key is missing or unknown, except those in `added`.

    `answer` is JSON text or parsed JSON.
    """
    text = answer if isinstance(answer, (bytes, str)) else json.dumps(answer)
    value = pydantic.TypeAdapter(kind).validate_json(text, strict=True)
    unexpected = [path for path in unknown(value) if path.rpartition(".")[2] not in added]
    assert unexpected == [], unexpected
    return value


def unknown(value, path: str = "") -> list[str]:
    """Returns the paths of members for which the type has no field."""
    if isinstance(value, list):
        return [found for index, element in enumerate(value) for found in unknown(element, f"{path}[{index}]")]
    if not isinstance(value, pydantic.BaseModel):
        return []
    paths = [f"{path}.{name}" for name in value.model_extra or {}]
    for name in type(value).model_fields:
        paths += unknown(getattr(value, name), f"{path}.{name}")
    return paths
