"""Reasoning: separate from the answer, limited by a budget, and not subject to stop strings and schemas."""

import json
from pathlib import Path

import pytest

from server import MODEL, Server

TEMPLATE = Path(__file__).with_name("thinking.jinja")


@pytest.fixture(scope="module")
def thinker(home):
    """The test model with a template that makes it reason: its answers begin within the reasoning."""
    with Server(home, "--chat-template-file", str(TEMPLATE), "--deterministic") as server:
        yield server


def message(answer) -> dict:
    assert answer.status == 200, answer.body
    return answer.json["choices"][0]["message"]


def reasoning_tokens(answer) -> int:
    return answer.json["usage"]["completion_tokens_details"]["reasoning_tokens"]


def test_reasoning_is_told_apart(thinker):
    answer = thinker.chat("Why is the sky blue?", reasoning_budget_tokens=12, max_tokens=40)
    assert message(answer)["reasoning_content"] and message(answer)["content"]
    assert "think>" not in message(answer)["reasoning_content"] + message(answer)["content"]
    # The budget plus the tokens of the end tag.
    assert 12 <= reasoning_tokens(answer) <= 20
    assert reasoning_tokens(answer) < answer.json["usage"]["completion_tokens"]


@pytest.mark.parametrize("budget", [0, 1, 5, 25])
def test_a_budget_ends_the_thinking(thinker, budget):
    answer = thinker.chat("Why is the sky blue?", reasoning_budget_tokens=budget, max_tokens=60)
    assert budget <= reasoning_tokens(answer) <= budget + 8
    assert message(answer)["content"].strip()


def test_a_limit_inside_a_thought(thinker):
    answer = thinker.chat("Why is the sky blue?", max_tokens=8)
    assert answer.json["choices"][0]["finish_reason"] == "length"
    assert message(answer)["content"] == "" and message(answer)["reasoning_content"]
    assert reasoning_tokens(answer) == 8


def test_effort_is_a_budget(thinker):
    answer = thinker.chat("Why is the sky blue?", reasoning_effort="none", max_tokens=20)
    assert "reasoning_content" not in message(answer) and reasoning_tokens(answer) == 0 and message(answer)["content"]
    assert thinker.chat(reasoning_effort="low").status == 200
    thinker.chat(reasoning_effort="enormous").assert_error(400, "reasoning_effort", "invalid_value")
    thinker.chat(reasoning_budget_tokens=-2).assert_error(400, "reasoning_budget_tokens", "integer_below_min_value")


def test_thinking_can_be_turned_off(thinker):
    for fields in ({"chat_template_kwargs": {"enable_thinking": False}}, {"enable_thinking": False}):
        answer = thinker.chat("Why is the sky blue?", max_tokens=20, **fields)
        assert "reasoning_content" not in message(answer) and message(answer)["content"]
        assert "x-shimmy-ignored-params" not in answer.headers
    thinker.chat(enable_thinking="no").assert_error(400, "enable_thinking", "invalid_type")
    thinker.chat(chat_template_kwargs={"enable_thinking": "no"}).assert_error(400, "chat_template_kwargs.enable_thinking", "invalid_type")


@pytest.mark.parametrize("fields", [{"thinking": {"type": "disabled"}}, {"reasoning": {"effort": "none"}}, {"think": "none"}], ids=lambda fields: next(iter(fields)))
def test_other_names_of_the_effort(thinker, fields):
    answer = thinker.chat("Why is the sky blue?", max_tokens=20, **fields)
    assert "reasoning_content" not in message(answer) and message(answer)["content"]
    assert "x-shimmy-ignored-params" not in answer.headers
    name = next(iter(fields))
    thinker.chat(reasoning_effort="high", **fields).assert_error(400, {"thinking": "thinking.type", "reasoning": "reasoning.effort", "think": "think"}[name], "invalid_value")
    assert "reasoning_content" not in message(thinker.chat("Why is the sky blue?", max_tokens=20, think=False))


@pytest.mark.parametrize("fields", [{"thinking_budget": 12}, {"thinking_budget_tokens": 12}, {"thinking": {"type": "enabled", "budget_tokens": 12}}],
                         ids=lambda fields: next(iter(fields)))
def test_other_names_of_the_budget(thinker, fields):
    answer = thinker.chat("Why is the sky blue?", max_tokens=40, **fields)
    assert answer.status == 200 and "x-shimmy-ignored-params" not in answer.headers
    assert message(answer) == message(thinker.chat("Why is the sky blue?", max_tokens=40, reasoning_budget_tokens=12))


def test_reasoning_in_parts_reaches_the_template(thinker):
    def prompt(answer):
        messages = [{"role": "user", "content": "Hi"}, answer, {"role": "user", "content": "Go on."}]
        return thinker.request("POST", "/v1/chat/completions/render", {"model": MODEL, "messages": messages}).json["prompt"]

    field = prompt({"role": "assistant", "content": "Yes.", "reasoning_content": "It is."})
    for part in ({"type": "thinking", "thinking": "It is."}, {"type": "reasoning", "text": "It is."}):
        assert prompt({"role": "assistant", "content": [part, {"type": "text", "text": "Yes."}]}) == field


def test_template_arguments(thinker):
    body = {"model": MODEL, "messages": [{"role": "user", "content": "Hi"}], "chat_template_kwargs": {"greeting": "Well, "}}
    prompt = thinker.request("POST", "/v1/chat/completions/render", body).json["prompt"]
    assert prompt.endswith("<think>\nWell, ")


def test_streamed_reasoning(thinker):
    body = dict(reasoning_budget_tokens=12, max_tokens=40)
    whole = message(thinker.chat("Why is the sky blue?", **body))
    chunks = [event for event in thinker.chat("Why is the sky blue?", stream=True, **body).events if event != "[DONE]"]
    deltas = [chunk["choices"][0]["delta"] for chunk in chunks]
    assert "".join(delta.get("reasoning_content", "") for delta in deltas) == whole["reasoning_content"]
    assert "".join(delta.get("content") or "" for delta in deltas) == whole["content"]
    kinds = ["reasoning_content" in delta for delta in deltas[1:-1]]
    assert kinds == sorted(kinds, reverse=True), "first the thought, then the answer"


def test_the_field_of_reasoning_can_be_chosen(thinker):
    body = dict(reasoning_budget_tokens=6, max_tokens=20)
    other = message(thinker.chat("Why?", reasoning_field="reasoning", **body))
    assert other["reasoning"] and "reasoning_content" not in other
    both = message(thinker.chat("Why?", reasoning_field="both", **body))
    assert both["reasoning"] == both["reasoning_content"]
    thinker.chat(reasoning_field="thoughts").assert_error(400, "reasoning_field", "invalid_value")


def test_stops_mean_nothing_in_a_thought(thinker):
    body = dict(reasoning_budget_tokens=20, max_tokens=60)
    plain = message(thinker.chat("Why is the sky blue?", **body))
    word = plain["reasoning_content"].split()[2]
    stopped = message(thinker.chat("Why is the sky blue?", stop=[word], **body))
    assert stopped["reasoning_content"] == plain["reasoning_content"]
    assert word not in stopped["content"] and plain["content"].startswith(stopped["content"])


def test_a_schema_constrains_only_the_answer(thinker):
    schema = {"type": "object", "properties": {"answer": {"enum": ["yes", "no"]}}, "required": ["answer"], "additionalProperties": False}
    answer = thinker.chat(
        "Is it so?", response_format={"type": "json_schema", "json_schema": {"name": "verdict", "schema": schema}}, reasoning_budget_tokens=10,
        max_tokens=60)
    assert message(answer)["reasoning_content"]
    assert json.loads(message(answer)["content"])["answer"] in ("yes", "no")


def test_tools_after_a_thought(thinker):
    schema = {"type": "object", "properties": {"answer": {"enum": ["yes", "no"]}}, "required": ["answer"], "additionalProperties": False}
    tools = [{"type": "function", "function": {"name": "tell", "parameters": schema}}]
    answer = thinker.chat("Is it so?", tools=tools, tool_choice="required", parallel_tool_calls=False, reasoning_budget_tokens=10, max_tokens=100)
    assert message(answer)["reasoning_content"]
    assert json.loads(message(answer)["tool_calls"][0]["function"]["arguments"])["answer"] in ("yes", "no")


def test_echoed_reasoning(thinker):
    messages = [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": "Hello.", "reasoning_content": "A greeting."}, {"role": "user", "content": "Bye"}]
    prompt = thinker.request("POST", "/v1/chat/completions/render", {"model": MODEL, "messages": messages}).json["prompt"]
    assert "<think>\nA greeting.\n</think>" in prompt
    messages[1]["reasoning"] = messages[1].pop("reasoning_content")
    assert thinker.request("POST", "/v1/chat/completions/render", {"model": MODEL, "messages": messages}).json["prompt"] == prompt


def test_a_model_without_thinking_does_not_mind(server):
    answer = server.chat(reasoning_effort="high", reasoning_budget_tokens=5)
    assert "reasoning_content" not in message(answer) and reasoning_tokens(answer) == 0
