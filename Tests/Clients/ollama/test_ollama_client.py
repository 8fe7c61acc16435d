"""Ollama's client for Python in an older version."""

import json

import pytest
from ollama import Client, ResponseError

from server import MODEL

FEW = {"num_predict": 12, "temperature": 0}
HELLO = [{"role": "user", "content": "Say hello."}]
TOOL = {
    "type": "function",
    "function": {
        "name": "set_light", "description": "Sets the colour of the light.",
        "parameters": {"type": "object", "properties": {"colour": {"type": "string", "enum": ["red", "green", "blue"]}}, "required": ["colour"]},
    },
}


@pytest.fixture(scope="module")
def client(server):
    return Client(host=server.url, timeout=60)


def test_a_chat(client):
    whole = client.chat(model=MODEL, messages=HELLO, options=FEW, keep_alive=-1, think=False)
    assert whole.message.role == "assistant" and whole.message.content and whole.done and 0 < whole.eval_count <= 12
    parts = list(client.chat(model=MODEL, messages=HELLO, options=FEW, stream=True))
    assert "".join(part.message.content for part in parts) and [part.done for part in parts].index(True) == len(parts) - 1
    assert parts[-1].done_reason in ("stop", "length") and parts[-1].total_duration > 0


def test_a_history_with_a_tool(client):
    call = {"function": {"name": "set_light", "arguments": {"colour": "green"}}}
    messages = [{"role": "user", "content": "Make it green."}, {"role": "assistant", "tool_calls": [call]}, {"role": "tool", "content": "done"}]
    answer = client.chat(model=MODEL, messages=messages, tools=[TOOL], options=FEW)
    assert answer.message.role == "assistant" and answer.prompt_eval_count > 20


def test_a_format(client):
    schema = {"type": "object", "properties": {"on": {"type": "boolean"}}, "required": ["on"], "additionalProperties": False}
    answer = client.chat(model=MODEL, messages=HELLO, format=schema, options={**FEW, "num_predict": 40})
    assert isinstance(json.loads(answer.message.content)["on"], bool)


def test_a_generated_text(client):
    assert client.generate(model=MODEL, prompt="Once upon a", raw=True, options=FEW).response
    parts = list(client.generate(model=MODEL, prompt="Say hello.", options=FEW, stream=True))
    assert "".join(part.response for part in parts) and parts[-1].context


def test_models(client):
    [model] = client.list().models
    assert model.model == f"{MODEL}:latest" and len(model.digest) == 64 and model.details.family == "llama"
    shown = client.show(MODEL)
    assert shown.modelinfo["llama.context_length"] == 8192 and "tools" in shown.capabilities
    client.generate(model=MODEL, keep_alive="1h")
    assert [running.model for running in client.ps().models] == [f"{MODEL}:latest"]
    assert [step.status for step in client.pull(MODEL, stream=True)][-1] == "success"


def test_errors(client):
    with pytest.raises(ResponseError) as caught:
        client.chat(model="gone", messages=HELLO)
    assert caught.value.status_code == 404 and caught.value.error == "model 'gone' not found"
    with pytest.raises(ResponseError) as caught:
        list(client.chat(model=MODEL, messages=HELLO, options={"temperature": "hot"}, stream=True))
    assert caught.value.status_code == 400 and "options.temperature" in caught.value.error
