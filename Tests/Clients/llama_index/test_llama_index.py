"""Unmodified LlamaIndex over OpenAI's and over Ollama's API."""

import pytest
from llama_index.core.llms import ChatMessage
from llama_index.core.tools import FunctionTool
from llama_index.llms.ollama import Ollama
from llama_index.llms.openai_like import OpenAILike

from server import MODEL

HELLO = [ChatMessage(role="user", content="Say hello.")]


def add(a: int, b: int) -> int:
    """Adds two numbers."""
    return a + b


@pytest.fixture(scope="module", params=["openai", "ollama"])
def llm(server, request):
    if request.param == "ollama":
        options = {"num_predict": 12}
        return Ollama(model=MODEL, base_url=server.url, temperature=0, context_window=8192, request_timeout=60, additional_kwargs=options)
    return OpenAILike(
        api_base=server.url + "/v1", api_key="unused", model=MODEL, temperature=0, max_tokens=12, context_window=8192, is_chat_model=True,
        is_function_calling_model=True, max_retries=0)


def test_chats(llm):
    whole = llm.chat(HELLO).message.content
    parts = list(llm.stream_chat(HELLO))
    assert whole and len(parts) > 2 and parts[-1].message.content == whole


def test_a_completion(llm):
    assert llm.complete("Say hello.").text == llm.chat(HELLO).message.content


def test_raw_completions(base_url):
    llm = OpenAILike(api_base=base_url, api_key="unused", model=MODEL, max_tokens=8, context_window=8192, max_retries=0)
    assert llm.complete("Once upon a").text


def test_a_tool(base_url):
    llm = OpenAILike(
        api_base=base_url, api_key="unused", model=MODEL, temperature=0, max_tokens=100, context_window=8192, is_chat_model=True,
        is_function_calling_model=True, max_retries=0)
    response = llm.chat_with_tools([FunctionTool.from_defaults(add)], "Add 2 and 3.", tool_required=True, allow_parallel_tool_calls=False)
    [call] = llm.get_tool_calls_from_response(response)
    assert call.tool_name == "add" and set(call.tool_kwargs) >= {"a", "b"}
