"""Unmodified Instructor, in the modes that depend on the server."""

from typing import Literal

import instructor
import pytest
from openai import OpenAI
from pydantic import BaseModel, ConfigDict

from server import MODEL


class Verdict(BaseModel):
    """A verdict."""

    # With additional properties allowed, a tiny model would add keys without end.
    model_config = ConfigDict(extra="forbid")
    colour: Literal["red", "blue"]
    sure: bool


@pytest.mark.parametrize("mode", [instructor.Mode.TOOLS, instructor.Mode.TOOLS_STRICT, instructor.Mode.JSON_SCHEMA])
def test_a_model_is_filled(base_url, mode):
    client = instructor.from_openai(OpenAI(base_url=base_url, api_key="unused", max_retries=0), mode=mode)
    verdict = client.chat.completions.create(
        model=MODEL, response_model=Verdict, messages=[{"role": "user", "content": "Which one?"}], max_tokens=120, max_retries=0)
    assert isinstance(verdict, Verdict)


def test_a_model_is_filled_and_used(base_url):
    """A call, its result in the conversation, and an answer that is again a Pydantic model."""
    client = instructor.from_openai(OpenAI(base_url=base_url, api_key="unused", max_retries=0), mode=instructor.Mode.TOOLS)
    verdict, completion = client.chat.completions.create_with_completion(
        model=MODEL, response_model=Verdict, messages=[{"role": "user", "content": "Which one?"}], max_tokens=120, max_retries=0)
    message = completion.choices[0].message
    messages = [
        {"role": "user", "content": "Which one?"}, message.model_dump(),
        {"role": "tool", "tool_call_id": message.tool_calls[0].id, "content": f"It was {verdict.colour}."},
    ]
    again = client.chat.completions.create(model=MODEL, response_model=Verdict, messages=messages, max_tokens=120, max_retries=0)
    assert isinstance(again, Verdict)


def test_a_partial_stream(base_url):
    client = instructor.from_openai(OpenAI(base_url=base_url, api_key="unused", max_retries=0), mode=instructor.Mode.TOOLS)
    last = None
    for last in client.chat.completions.create_partial(
        model=MODEL, response_model=Verdict, messages=[{"role": "user", "content": "Which one?"}], max_tokens=120
    ):
        pass
    assert last.colour in ("red", "blue")
