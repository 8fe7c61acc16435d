"""Unmodified OpenAI Agents SDK over chat completions."""

import asyncio
from typing import Literal

import pytest
from agents import Agent, ModelSettings, OpenAIChatCompletionsModel, Runner, function_tool, set_tracing_disabled
from openai import AsyncOpenAI
from pydantic import BaseModel

from server import MODEL

set_tracing_disabled(True)


@pytest.fixture
def model(base_url):
    return OpenAIChatCompletionsModel(model=MODEL, openai_client=AsyncOpenAI(base_url=base_url, api_key="unused", max_retries=0))


def make_agent(model, called: list, **more):
    @function_tool
    def set_light(colour: Literal["red", "green", "blue"]) -> str:
        """Sets the colour of the light."""
        called.append(colour)
        return f"The light is {colour} now."

    settings = ModelSettings(tool_choice="required", parallel_tool_calls=False, max_tokens=120, temperature=0)
    return Agent(name="Light", instructions="You set lights.", model=model, tools=[set_light], model_settings=settings, **more)


def test_an_agent_calls_a_tool_and_uses_its_result(model):
    called = []
    result = asyncio.run(Runner.run(make_agent(model, called), "Make it red.", max_turns=4))
    assert called and called[0] in ("red", "green", "blue")
    assert isinstance(result.final_output, str) and result.final_output
    assert [item.type for item in result.new_items][:2] == ["tool_call_item", "tool_call_output_item"]


def test_a_streamed_run(model):
    called = []

    async def run():
        result = Runner.run_streamed(make_agent(model, called), "Make it red.", max_turns=4)
        return [event.type async for event in result.stream_events()], result.final_output

    events, output = asyncio.run(run())
    assert called and output and "raw_response_event" in events and "run_item_stream_event" in events


def test_an_output_type(model):
    class Verdict(BaseModel):
        colour: Literal["red", "blue"]

    agent = Agent(name="Judge", instructions="Judge.", model=model, output_type=Verdict, model_settings=ModelSettings(max_tokens=60))
    result = asyncio.run(Runner.run(agent, "Which one?"))
    assert isinstance(result.final_output, Verdict)
