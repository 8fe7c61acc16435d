"""A conversation as long as those of Claude Code: the second turn reuses the prompt of the first."""

import pytest

from dialects import lines
from server import MODEL, Server
from test_anthropic import VERSION, claude_code

pytestmark = pytest.mark.long

HEADERS = {**VERSION, "anthropic-beta": "claude-code-20250219,interleaved-thinking-2025-05-14", "x-app": "cli"}


def send(server, turn: int, messages: list) -> dict:
    """Sends a request whose billing header differs from turn to turn, and returns the token counts."""
    # The pings of a stream keep the connection alive while the prompt is computed.
    answer = server.request("POST", "/v1/messages?beta=true", claude_code(turn, messages, stream=True), HEADERS)
    [usage] = [event["usage"] for event in lines(answer) if event["type"] == "message_delta"]
    return usage


def test_a_prompt_of_30000_tokens_is_computed_once(home):
    source = "\n".join(f"{number:5} let value{number} = compute({number * 7}, {number * 13})" for number in range(1250))
    use = {"type": "tool_use", "id": "toolu_1", "name": "tool_1", "input": {"path": "main.swift"}}
    result = {"type": "tool_result", "tool_use_id": "toolu_1", "content": [{"type": "text", "text": source}]}
    conversation = [
        {"role": "user", "content": [{"type": "text", "text": "Read main.swift.", "cache_control": {"type": "ephemeral"}}]},
        {"role": "assistant", "content": [use]}, {"role": "user", "content": [result]},
    ]
    follow = [*conversation, {"role": "assistant", "content": [{"type": "text", "text": "It computes values."}]}, {"role": "user", "content": "Go on."}]
    # The model was trained for a shorter context. That harms its answers, which this test does not read.
    with Server(home, "--ctx-size", "36000") as server:
        first = send(server, 1, conversation)
        second = send(server, 2, follow)
    total = second["input_tokens"] + second["cache_creation_input_tokens"] + second["cache_read_input_tokens"]
    assert total >= 30_000, f"{MODEL} sees only {total} tokens"
    assert first["cache_read_input_tokens"] < 100
    assert second["cache_read_input_tokens"] >= 0.95 * total, f"{second['cache_read_input_tokens']} of {total} tokens were reused"
