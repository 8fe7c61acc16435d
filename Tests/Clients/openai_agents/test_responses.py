"""Unmodified OpenAI Agents SDK in its default mode, the Responses API: tools, a hand-off, a session, server-side state."""

import asyncio
from typing import Literal

import pytest
from agents import Agent, ModelSettings, OpenAIResponsesModel, Runner, SQLiteSession, function_tool, set_tracing_disabled
from openai import AsyncOpenAI
from pydantic import BaseModel

from server import MODEL

set_tracing_disabled(True)

SETTINGS = ModelSettings(max_tokens=60, temperature=0)
# Answers that end by themselves, because the client treats an incomplete one as an error.
SHORT = ModelSettings(extra_body={"choice": ["Hello.", "You are Ada.", "Yes."]})
FORCED = ModelSettings(tool_choice="required", parallel_tool_calls=False, max_tokens=120, temperature=0)


@pytest.fixture
def model(base_url):
    return OpenAIResponsesModel(model=MODEL, openai_client=AsyncOpenAI(base_url=base_url, api_key="unused", max_retries=0))


def light(called: list):
    @function_tool
    def set_light(colour: Literal["red", "green", "blue"]) -> str:
        """Sets the colour of the light."""
        called.append(colour)
        return f"The light is {colour} now."

    return set_light


def test_an_agent_calls_a_tool_and_uses_its_result(model):
    called = []
    agent = Agent(name="Light", instructions="You set lights.", model=model, tools=[light(called)], model_settings=FORCED)
    result = asyncio.run(Runner.run(agent, "Make it red.", max_turns=4))
    assert called and called[0] in ("red", "green", "blue")
    assert isinstance(result.final_output, str) and result.final_output and result.last_response_id.startswith("resp_")
    assert [item.type for item in result.new_items][:2] == ["tool_call_item", "tool_call_output_item"]


def test_a_streamed_run(model):
    called = []
    agent = Agent(name="Light", instructions="You set lights.", model=model, tools=[light(called)], model_settings=FORCED)

    async def run():
        result = Runner.run_streamed(agent, "Make it red.", max_turns=4)
        raw = [event.data.type async for event in result.stream_events() if event.type == "raw_response_event"]
        return raw, result.final_output

    raw, output = asyncio.run(run())
    assert called and output and "response.function_call_arguments.delta" in raw and "response.output_text.delta" in raw


def test_a_hand_off(model):
    """The first agent's only tool is the hand-off, and it is forced."""
    called = []
    second = Agent(name="Light", instructions="You set lights.", model=model, tools=[light(called)], model_settings=FORCED)
    first = Agent(name="Desk", instructions="You find who can help.", model=model, handoffs=[second], model_settings=FORCED)
    result = asyncio.run(Runner.run(first, "Make it red.", max_turns=6))
    assert result.last_agent is second and called and result.final_output


def test_an_output_type(model):
    class Verdict(BaseModel):
        colour: Literal["red", "blue"]

    agent = Agent(name="Judge", instructions="Judge.", model=model, output_type=Verdict, model_settings=SETTINGS)
    assert isinstance(asyncio.run(Runner.run(agent, "Which one?")).final_output, Verdict)


def test_a_session(model):
    """The client stores the items and sends all of them each time."""
    agent = Agent(name="Friend", instructions="You are kind.", model=model, model_settings=SHORT)

    async def run():
        session = SQLiteSession("one")
        sizes = []
        for text in ("My name is Ada.", "Who am I?", "Sure?"):
            result = await Runner.run(agent, text, session=session)
            sizes.append(result.raw_responses[-1].usage.input_tokens)
        return sizes, await session.get_items()

    sizes, items = asyncio.run(run())
    assert sizes == sorted(set(sizes)) and [item["role"] for item in items] == ["user", "assistant"] * 3


@pytest.mark.parametrize("kept", ["response", "conversation"])
def test_the_server_keeps_the_state(model, kept):
    agent = Agent(name="Friend", instructions="You are kind.", model=model, model_settings=SHORT)

    async def run():
        options = {}
        if kept == "conversation":
            options = {"conversation_id": (await model._client.conversations.create()).id}
        sizes = []
        for text in ("My name is Ada.", "Who am I?"):
            result = await Runner.run(agent, text, **options)
            if kept == "response":
                options = {"previous_response_id": result.last_response_id}
            sizes.append(result.raw_responses[-1].usage.input_tokens)
        return sizes

    first, second = asyncio.run(run())
    assert second > first
