"""The official OpenAI client in an older version, the last one before version 2."""

from typing import Literal

import openai
import pytest
from pydantic import BaseModel

from server import MODEL

HELLO = [{"role": "user", "content": "Say hello."}]
COLOUR = {"type": "object", "properties": {"colour": {"enum": ["red", "green", "blue"]}}, "required": ["colour"], "additionalProperties": False}
TOOL = {"type": "function", "function": {"name": "set_light", "description": "Sets the colour of the light.", "parameters": COLOUR}}


class Verdict(BaseModel):
    colour: Literal["red", "blue"]
    sure: bool


@pytest.fixture(scope="module")
def client(base_url):
    with openai.OpenAI(base_url=base_url, api_key="unused", max_retries=0, timeout=60, _strict_response_validation=True) as client:
        yield client


def ask(client, messages=HELLO, **more):
    return client.chat.completions.create(model=MODEL, messages=messages, **{"max_tokens": 12, "temperature": 0, **more})


def test_a_chat(client):
    answer = ask(client, logprobs=True, top_logprobs=2)
    assert answer.choices[0].message.content and len(answer.choices[0].logprobs.content) == answer.usage.completion_tokens
    assert answer._request_id.startswith("req_")


def test_a_stream(client):
    chunks = list(ask(client, stream=True, stream_options={"include_usage": True}))
    assert "".join(chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices)
    assert chunks[-1].choices == [] and 0 < chunks[-1].usage.completion_tokens <= 12


def test_a_tool_and_its_result(client):
    question = {"role": "user", "content": "Make it green."}
    answer = ask(client, [question], tools=[TOOL], tool_choice="required", parallel_tool_calls=False, max_tokens=100)
    [call] = answer.choices[0].message.tool_calls
    assert call.function.name == "set_light" and answer.choices[0].finish_reason == "tool_calls"
    history = [question, answer.choices[0].message, {"role": "tool", "tool_call_id": call.id, "content": "done"}]
    assert ask(client, history, tools=[TOOL]).usage.prompt_tokens > answer.usage.prompt_tokens


def test_a_parsed_answer(client):
    answer = client.chat.completions.parse(model=MODEL, messages=HELLO, response_format=Verdict, temperature=0, max_tokens=60)
    assert isinstance(answer.choices[0].message.parsed, Verdict)


def test_a_completion(client):
    answer = client.completions.create(model=MODEL, prompt="Once upon a", max_tokens=5, temperature=0)
    assert answer.choices[0].text and answer.choices[0].finish_reason == "length"


def test_a_response(client):
    answer = client.responses.create(model=MODEL, input="Say hello.", max_output_tokens=12, temperature=0)
    assert answer.output_text and answer.usage.output_tokens <= 12
    with client.responses.stream(model=MODEL, input="Say hello.", previous_response_id=answer.id, temperature=0) as stream:
        types = [event.type for event in stream]
        assert stream.get_final_response().previous_response_id == answer.id
    assert types[0] == "response.created" and types[-1] == "response.completed"
    assert client.responses.retrieve(answer.id).output_text == answer.output_text


def test_models(client):
    assert [model.id for model in client.models.list()] == [MODEL]
    assert client.models.retrieve(MODEL).object == "model"


def test_errors(client):
    with pytest.raises(openai.NotFoundError) as caught:
        client.chat.completions.create(model="gone", messages=HELLO)
    assert caught.value.code == "model_not_found"
    with pytest.raises(openai.BadRequestError) as caught:
        ask(client, temperature=5)
    assert caught.value.param == "temperature"
