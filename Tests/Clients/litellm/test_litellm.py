"""Unmodified LiteLLM with its OpenAI-compatible provider."""

import json
import os

# LiteLLM would otherwise download its price table.
os.environ["LITELLM_LOCAL_MODEL_COST_MAP"] = "True"

import litellm  # noqa: E402
import pytest  # noqa: E402

from server import MODEL

TOOL = {
    "type": "function",
    "function": {
        "name": "set_light",
        "description": "Sets the colour of the light.",
        "parameters": {"type": "object", "properties": {"colour": {"enum": ["red", "green", "blue"]}}, "required": ["colour"], "additionalProperties": False},
    },
}


@pytest.fixture
def ask(base_url):
    def ask(messages, **more):
        return litellm.completion(
            model=f"openai/{MODEL}", api_base=base_url, api_key="unused", messages=messages, max_tokens=100, temperature=0, num_retries=0, **more)

    return ask


def test_an_agent_calls_a_tool_and_uses_its_result(ask):
    messages = [{"role": "user", "content": "Make it red."}]
    answer = ask(messages, tools=[TOOL], tool_choice="required", parallel_tool_calls=False)
    assert answer.choices[0].finish_reason == "tool_calls"
    message = answer.choices[0].message
    [call] = message.tool_calls
    assert json.loads(call.function.arguments)["colour"] in ("red", "green", "blue")
    messages += [message.model_dump(), {"role": "tool", "tool_call_id": call.id, "content": "Done."}]
    assert ask(messages, tools=[TOOL], tool_choice="none").choices[0].message.content


def test_a_streamed_call(ask):
    chunks = list(ask([{"role": "user", "content": "Make it red."}], tools=[TOOL], tool_choice="required", parallel_tool_calls=False, stream=True))
    whole = litellm.stream_chunk_builder(chunks)
    assert json.loads(whole.choices[0].message.tool_calls[0].function.arguments)["colour"] in ("red", "green", "blue")


def test_a_schema(ask):
    schema = {"type": "object", "properties": {"sure": {"type": "boolean"}}, "required": ["sure"], "additionalProperties": False}
    answer = ask(
        [{"role": "user", "content": "Sure?"}],
        response_format={"type": "json_schema", "json_schema": {"name": "verdict", "strict": True, "schema": schema}})
    assert isinstance(json.loads(answer.choices[0].message.content)["sure"], bool)


def test_errors_are_of_the_right_kind(ask):
    with pytest.raises(litellm.BadRequestError):
        ask([{"role": "user", "content": "Hi"}], tools=[TOOL], tool_choice={"type": "function", "function": {"name": "unknown"}})
    with pytest.raises(litellm.ContextWindowExceededError):
        ask([{"role": "user", "content": "word " * 20000}])
