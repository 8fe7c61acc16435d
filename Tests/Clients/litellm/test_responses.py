"""Unmodified LiteLLM: its Responses API with its OpenAI-compatible provider."""

import json
import os

# LiteLLM would otherwise download its price table.
os.environ["LITELLM_LOCAL_MODEL_COST_MAP"] = "True"

import litellm  # noqa: E402
import pytest  # noqa: E402

from server import MODEL

TOOL = {
    "type": "function",
    "name": "set_light",
    "description": "Sets the colour of the light.",
    "parameters": {"type": "object", "properties": {"colour": {"enum": ["red", "green", "blue"]}}, "required": ["colour"], "additionalProperties": False},
}


@pytest.fixture
def ask(base_url):
    def ask(input, **more):
        return litellm.responses(
            model=f"openai/{MODEL}", api_base=base_url, api_key="unused", input=input, max_output_tokens=100, temperature=0, num_retries=0, **more)

    return ask


def text(response) -> str:
    return "".join(part.text for item in response.output if item.type == "message" for part in item.content)


def test_an_agent_calls_a_tool_and_uses_its_result(ask):
    first = ask("Make it red.", tools=[TOOL], tool_choice="required", parallel_tool_calls=False)
    [call] = [item for item in first.output if item.type == "function_call"]
    assert json.loads(call.arguments)["colour"] in ("red", "green", "blue")
    items = [
        {"role": "user", "content": "Make it red."},
        {"type": "function_call", "call_id": call.call_id, "name": call.name, "arguments": call.arguments},
        {"type": "function_call_output", "call_id": call.call_id, "output": "Done."},
    ]
    assert text(ask(items, tools=[TOOL], tool_choice="none"))


def test_a_stream(ask):
    events = list(ask("Say hello.", stream=True))
    assert events[0].type == "response.created" and events[-1].type in ("response.completed", "response.incomplete")
    deltas = "".join(event.delta for event in events if event.type == "response.output_text.delta")
    assert deltas and deltas == text(events[-1].response)


def test_a_schema(ask):
    schema = {"type": "object", "properties": {"sure": {"type": "boolean"}}, "required": ["sure"], "additionalProperties": False}
    answer = ask("Sure?", text={"format": {"type": "json_schema", "name": "verdict", "strict": True, "schema": schema}})
    assert isinstance(json.loads(text(answer))["sure"], bool)


def test_a_response_goes_on(ask):
    first = ask("My name is Ada.")
    second = ask("Who am I?", previous_response_id=first.id)
    assert second.usage.input_tokens > first.usage.input_tokens + first.usage.output_tokens
