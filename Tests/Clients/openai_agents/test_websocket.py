"""Unmodified OpenAI Agents SDK over a WebSocket: a run with a tool, a streamed run, and server-side state."""

import asyncio
from typing import Literal

from agents import Agent, ModelSettings, OpenAIResponsesWSModel, Runner, function_tool, set_tracing_disabled
from openai import AsyncOpenAI

from server import MODEL

set_tracing_disabled(True)

# Answers that end by themselves, because the client treats an incomplete one as an error.
SHORT = {"choice": ["Hello.", "You are Ada.", "Yes."]}
FORCED = ModelSettings(tool_choice="required", parallel_tool_calls=False, max_tokens=120, temperature=0)


def run(base_url: str, work):
    """Runs `work(model)` in one event loop, because the connection belongs to it."""

    async def body():
        model = OpenAIResponsesWSModel(model=MODEL, openai_client=AsyncOpenAI(base_url=base_url, api_key="unused", max_retries=0))
        try:
            return await work(model)
        finally:
            await model.close()

    return asyncio.run(body())


def test_a_tool_over_a_websocket(base_url):
    called = []

    @function_tool
    def set_light(colour: Literal["red", "green", "blue"]) -> str:
        """Sets the colour of the light."""
        called.append(colour)
        return f"The light is {colour} now."

    async def work(model):
        agent = Agent(name="Light", instructions="You set lights.", model=model, tools=[set_light], model_settings=FORCED)
        return await Runner.run(agent, "Make it red.", max_turns=4)

    result = run(base_url, work)
    assert called and isinstance(result.final_output, str) and result.last_response_id.startswith("resp_")
    assert [item.type for item in result.new_items][:2] == ["tool_call_item", "tool_call_output_item"]


def test_turns_without_storage_share_the_connections_memory(base_url):
    settings = ModelSettings(store=False, extra_body=SHORT)

    async def work(model):
        agent = Agent(name="Friend", instructions="You are kind.", model=model, model_settings=settings)
        first = await Runner.run(agent, "My name is Ada.")
        stream = Runner.run_streamed(agent, "Who am I?", previous_response_id=first.last_response_id)
        types = [event.data.type async for event in stream.stream_events() if event.type == "raw_response_event"]
        return first, stream, types

    first, second, types = run(base_url, work)
    assert second.raw_responses[-1].usage.input_tokens > first.raw_responses[-1].usage.input_tokens
    assert "response.output_text.delta" in types and types[-1] == "response.completed" and second.final_output
