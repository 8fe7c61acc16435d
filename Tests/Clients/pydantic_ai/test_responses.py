"""Unmodified Pydantic AI over the Responses API."""

import asyncio
from typing import Literal

import pytest
from pydantic import BaseModel
from pydantic_ai import Agent, NativeOutput
from pydantic_ai.models.openai import OpenAIResponsesModel
from pydantic_ai.providers.openai import OpenAIProvider

from server import MODEL


class Verdict(BaseModel):
    colour: Literal["red", "blue"]
    sure: bool


SETTINGS = {"max_tokens": 150, "temperature": 0, "parallel_tool_calls": False}


@pytest.fixture
def model(base_url):
    return OpenAIResponsesModel(MODEL, provider=OpenAIProvider(base_url=base_url, api_key="unused"))


def test_output_by_a_forced_tool(model):
    assert isinstance(Agent(model, output_type=Verdict, model_settings=SETTINGS).run_sync("Which one?").output, Verdict)


def test_output_by_a_schema(model):
    assert isinstance(Agent(model, output_type=NativeOutput(Verdict), model_settings=SETTINGS).run_sync("Which one?").output, Verdict)


def test_an_agent_calls_a_tool_and_uses_its_result(model):
    """The agent calls the tool before the output. Both are forced calls; the test draws again until the model calls the tool first, which is then
    removed."""
    for _ in range(20):
        called = []
        agent = Agent(model, output_type=Verdict, model_settings={**SETTINGS, "temperature": 1.0})

        @agent.tool_plain(prepare=lambda context, tool: None if called else tool)
        def look(place: Literal["left", "right"]) -> str:
            """Looks at a place."""
            called.append(place)
            return "It is blue there."

        assert isinstance(agent.run_sync("Look left or right, then tell.").output, Verdict)
        if called:
            assert called[0] in ("left", "right")
            return
    raise AssertionError("the tool was never called")


def test_a_history(model):
    agent = Agent(model, model_settings=SETTINGS)
    first = agent.run_sync("My name is Ada.")
    second = agent.run_sync("Who am I?", message_history=first.all_messages())
    assert second.usage.input_tokens > first.usage.input_tokens and second.output


def test_a_stream(model):
    async def run():
        async with Agent(model, model_settings=SETTINGS).run_stream("Say hello.") as stream:
            return [text async for text in stream.stream_text(delta=True)]

    assert "".join(asyncio.run(run()))
