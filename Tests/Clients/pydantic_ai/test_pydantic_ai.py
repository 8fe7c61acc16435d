"""Unmodified Pydantic AI over chat completions."""

from typing import Literal

import pytest
from pydantic import BaseModel
from pydantic_ai import Agent, NativeOutput
from pydantic_ai.models.openai import OpenAIChatModel
from pydantic_ai.providers.openai import OpenAIProvider

from server import MODEL


class Verdict(BaseModel):
    colour: Literal["red", "blue"]
    sure: bool


SETTINGS = {"max_tokens": 150, "temperature": 0, "parallel_tool_calls": False}


@pytest.fixture
def model(base_url):
    return OpenAIChatModel(MODEL, provider=OpenAIProvider(base_url=base_url, api_key="unused"))


def test_output_by_a_forced_tool(model):
    result = Agent(model, output_type=Verdict, model_settings=SETTINGS).run_sync("Which one?")
    assert isinstance(result.output, Verdict)


def test_output_by_a_schema(model):
    result = Agent(model, output_type=NativeOutput(Verdict), model_settings=SETTINGS).run_sync("Which one?")
    assert isinstance(result.output, Verdict)


def test_an_agent_calls_a_tool_and_uses_its_result(model):
    """The agent calls the tool before the output. Both are forced calls; the test tries seeds until the model calls the tool first, which is then
    removed."""
    for seed in range(20):
        called = []
        agent = Agent(model, output_type=Verdict, model_settings={**SETTINGS, "seed": seed, "temperature": 1.0})

        @agent.tool_plain(prepare=lambda context, tool: None if called else tool)
        def look(place: Literal["left", "right"]) -> str:
            """Looks at a place."""
            called.append(place)
            return "It is blue there."

        result = agent.run_sync("Look left or right, then tell.")
        assert isinstance(result.output, Verdict)
        if called:
            assert called[0] in ("left", "right")
            return
    raise AssertionError("the tool was never called")


def test_a_stream(model):
    import asyncio

    async def run():
        async with Agent(model, model_settings=SETTINGS).run_stream("Say hello.") as stream:
            return [text async for text in stream.stream_text(delta=True)]

    assert "".join(asyncio.run(run()))
