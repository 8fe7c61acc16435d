"""The official Anthropic client in an older version, with the header and the fields of its time."""

import anthropic
import pytest

from server import MODEL

TOOL = {
    "name": "set_light",
    "description": "Sets the colour of the light.",
    "input_schema": {"type": "object", "properties": {"colour": {"enum": ["red", "green", "blue"]}}, "required": ["colour"], "additionalProperties": False},
}


@pytest.fixture(scope="module")
def client(server):
    with anthropic.Anthropic(base_url=server.url, api_key="unused", max_retries=0, timeout=60, _strict_response_validation=True) as client:
        yield client


def ask(client, content="Say hello.", **more):
    return client.messages.create(model=MODEL, messages=[{"role": "user", "content": content}], **{"max_tokens": 20, "temperature": 0, **more})


def test_a_message(client):
    message = ask(client, system="You are terse.", top_k=5, top_p=0.9)
    assert message.content[0].text and message.role == "assistant" and message.usage.output_tokens <= 20
    assert message._request_id.startswith("req_")


def test_a_stream(client):
    with client.messages.stream(model=MODEL, max_tokens=20, temperature=0, messages=[{"role": "user", "content": "Say hello."}]) as stream:
        text = "".join(stream.text_stream)
        assert text == stream.get_final_message().content[0].text != ""


def test_a_tool(client):
    message = ask(client, "Make it green.", tools=[TOOL], tool_choice={"type": "tool", "name": "set_light"}, max_tokens=100)
    [call] = [block for block in message.content if block.type == "tool_use"]
    assert message.stop_reason == "tool_use" and call.input["colour"] in ("red", "green", "blue")


def test_tokens_are_counted(client):
    assert client.messages.count_tokens(model=MODEL, messages=[{"role": "user", "content": "Hi"}]).input_tokens > 3


def test_models(client):
    assert [model.id for model in client.models.list()] == [MODEL]
    assert client.models.retrieve(MODEL).display_name == MODEL


def test_errors(client):
    with pytest.raises(anthropic.NotFoundError):
        client.messages.create(model="gone", max_tokens=5, messages=[{"role": "user", "content": "Hi"}])
    with pytest.raises(anthropic.BadRequestError):
        ask(client, temperature=2)
