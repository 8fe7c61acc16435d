"""Answers held against the types of OpenAI's own client, to the last key."""

import json

import pydantic


def strictly(kind, answer):
    """Reads an answer as the client's type: nothing is converted, nothing is missing, nothing is unknown to it.

    `answer` is JSON's text, or what was parsed from it.
    """
    text = answer if isinstance(answer, (bytes, str)) else json.dumps(answer)
    value = pydantic.TypeAdapter(kind).validate_json(text, strict=True)
    assert unknown(value) == [], unknown(value)
    return value


def unknown(value, path: str = "") -> list[str]:
    """The paths of members that the type has no field for."""
    if isinstance(value, list):
        return [found for index, element in enumerate(value) for found in unknown(element, f"{path}[{index}]")]
    if not isinstance(value, pydantic.BaseModel):
        return []
    paths = [f"{path}.{name}" for name in value.model_extra or {}]
    for name in type(value).model_fields:
        paths += unknown(getattr(value, name), f"{path}.{name}")
    return paths
