"""Unmodified LangChain ChatOpenAI over the Responses API."""

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


OPTIONS = {"model": MODEL, "api_key": "unused", "temperature": 0, "max_tokens": 120, "max_retries": 0, "use_responses_api": True}


@pytest.fixture
def model(base_url):
    return ChatOpenAI(base_url=base_url, **OPTIONS)


def test_an_agent_calls_a_tool_and_uses_its_result(model):
    bound = model.bind_tools([set_light], tool_choice="set_light", parallel_tool_calls=False)
    messages = [HumanMessage("Make it red.")]
    answer = bound.invoke(messages)
    [call] = answer.tool_calls
    assert call["name"] == "set_light" and call["args"]["colour"] in ("red", "green", "blue") and not answer.invalid_tool_calls
    messages += [answer, ToolMessage(set_light.invoke(call["args"]), tool_call_id=call["id"])]
    final = model.invoke(messages)
    assert final.text and final.usage_metadata["total_tokens"] > 0 and final.response_metadata["id"].startswith("resp_")


@pytest.mark.parametrize("method", ["json_schema", "function_calling"])
def test_structured_output(model, method):
    assert isinstance(model.with_structured_output(Verdict, method=method).invoke("Which one?"), Verdict)


def test_streams(model):
    chunks = list(model.stream("Say hello."))
    assert len(chunks) > 2 and "".join(chunk.text for chunk in chunks)
    whole = AIMessageChunk(content="")
    for chunk in model.bind_tools([set_light], tool_choice="any", parallel_tool_calls=False).stream("Make it red."):
        whole += chunk
    assert whole.tool_calls[0]["args"]["colour"] in ("red", "green", "blue") and whole.tool_calls[0]["id"]


def test_the_server_keeps_the_state(base_url):
    model = ChatOpenAI(base_url=base_url, use_previous_response_id=True, **OPTIONS)
    first = model.invoke([HumanMessage("My name is Ada.")])
    second = model.invoke([HumanMessage("My name is Ada."), first, HumanMessage("Who am I?")])
    assert second.usage_metadata["input_tokens"] > first.usage_metadata["input_tokens"] + first.usage_metadata["output_tokens"]
