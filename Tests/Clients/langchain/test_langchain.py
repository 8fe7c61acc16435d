"""Unmodified LangChain ChatOpenAI: tools, structured output, streams, an agent."""

from typing import Literal

import pytest
from langchain_core.messages import AIMessageChunk, HumanMessage, ToolMessage
from langchain_core.tools import tool
from langchain_openai import ChatOpenAI
from pydantic import BaseModel

from server import MODEL


@tool
def set_light(colour: Literal["red", "green", "blue"]) -> str:
    """Sets the colour of the light."""
    return f"The light is {colour} now."


class Verdict(BaseModel):
    """A verdict."""

    colour: Literal["red", "blue"]
    sure: bool


@pytest.fixture
def model(base_url):
    return ChatOpenAI(model=MODEL, base_url=base_url, api_key="unused", temperature=0, max_tokens=120, max_retries=0)


def test_an_agent_calls_a_tool_and_uses_its_result(model):
    bound = model.bind_tools([set_light], tool_choice="set_light", parallel_tool_calls=False)
    messages = [HumanMessage("Make it red.")]
    answer = bound.invoke(messages)
    [call] = answer.tool_calls
    assert call["name"] == "set_light" and call["args"]["colour"] in ("red", "green", "blue") and not answer.invalid_tool_calls
    messages += [answer, ToolMessage(set_light.invoke(call["args"]), tool_call_id=call["id"])]
    final = model.invoke(messages)
    assert final.content and final.usage_metadata["total_tokens"] > 0


def test_the_ready_made_agent(model):
    from langchain.agents import create_agent

    result = create_agent(model, tools=[set_light]).invoke({"messages": [HumanMessage("Hello!")]}, {"recursion_limit": 8})
    assert result["messages"][-1].content


def test_any_tool(model):
    [call] = model.bind_tools([set_light], tool_choice="any", parallel_tool_calls=False).invoke("Make it blue.").tool_calls
    assert call["name"] == "set_light"


@pytest.mark.parametrize("method", ["json_schema", "function_calling"])
def test_structured_output(model, method):
    assert isinstance(model.with_structured_output(Verdict, method=method).invoke("Which one?"), Verdict)


def test_streams(model):
    chunks = list(model.stream("Say hello."))
    assert len(chunks) > 2 and "".join(chunk.content for chunk in chunks)
    whole = AIMessageChunk(content="")
    for chunk in model.bind_tools([set_light], tool_choice="any", parallel_tool_calls=False).stream("Make it red."):
        whole += chunk
    assert whole.tool_calls[0]["args"]["colour"] in ("red", "green", "blue") and whole.tool_calls[0]["id"]
