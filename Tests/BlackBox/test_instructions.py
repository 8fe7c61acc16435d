"""No instruction is silently left out of a prompt, whatever the template does with it."""

import os
from pathlib import Path

import pytest

from responses import create
from server import MODEL, Server

TEMPLATES = Path(os.environ["SHIMMY_LLAMA_SOURCE"]) / "models/templates"
LOSING = [
    "openai-gpt-oss-120b", "HuggingFaceTB-SmolLM3-3B", "NVIDIA-Nemotron-Nano-v2", "MiniMax-M3", "deepseek-ai-DeepSeek-R1-Distill-Llama-8B",
    "llama-cpp-rwkv-world", "mistralai-Mistral-Nemo-Instruct-2407", "google-gemma-2-2b-it", "Qwen3.5-4B",
]


def user(text: str) -> dict:
    return {"role": "user", "content": text}


CONVERSATIONS = [
    [user("AA"), {"role": "system", "content": "SS"}, user("BB")],
    [{"role": "system", "content": "SS"}, user("AA"), {"role": "assistant", "content": "CC"}, {"role": "system", "content": "TT"}, user("BB")],
    [{"role": "system", "content": "SS"}],
    [{"role": "developer", "content": "SS"}, {"role": "developer", "content": "TT"}, user("AA")],
]


@pytest.mark.parametrize("name", LOSING)
def test_every_instruction_is_in_the_prompt(home, name):
    file = TEMPLATES / f"{name}.jinja"
    assert file.exists(), "this version of llama.cpp has no such template: name its successor in LOSING"
    with Server(home, "--chat-template-file", str(file)) as server:
        for messages in CONVERSATIONS:
            answer = server.request("POST", "/v1/chat/completions/render", {"model": MODEL, "messages": messages})
            if answer.status == 400:
                continue
            for message in messages:
                assert message["content"] in answer.json["prompt"], (messages, answer.json["prompt"], answer.headers.get("x-shimmy-normalized"))


def test_a_message_between_a_call_and_its_output(server):
    items = [
        user("Hi"), {"type": "function_call", "call_id": "c1", "name": "f", "arguments": "{}"}, {"role": "developer", "content": "Note."},
        {"type": "function_call", "call_id": "c2", "name": "f", "arguments": "{}"}, user("Well?"),
        {"type": "function_call_output", "call_id": "c2", "output": "two"}, {"type": "function_call_output", "call_id": "c1", "output": "one"},
    ]
    assert create(server, items, max_output_tokens=4).status == 200
