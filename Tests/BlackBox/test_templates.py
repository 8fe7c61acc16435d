"""Comparison with Python's jinja2: all real chat templates in llama.cpp's source, over a corpus of conversations."""

import os
from pathlib import Path

import pytest

import jinja_reference
from server import MODEL, Server, run

TEMPLATES = Path(os.environ["SHIMMY_LLAMA_SOURCE"]) / "models/templates"

TOOLS = [
    {
        "type": "function",
        "function": {
            "name": "get_weather",
            "description": "Weather of a city.",
            "parameters": {
                "type": "object",
                "properties": {"city": {"type": "string", "description": "A city."}, "days": {"type": "integer", "description": "How many."}},
                "required": ["city"],
            },
        },
    }
]
CALL = {
    "role": "assistant",
    "content": None,
    "tool_calls": [{"id": "abcdefgh1", "type": "function", "function": {"name": "get_weather", "arguments": '{"city": "Köln", "days": 3}'}}],
}
RESULT = {"role": "tool", "tool_call_id": "abcdefgh1", "name": "get_weather", "content": '{"sky": "blue"}'}


def user(text):
    return {"role": "user", "content": text}


def assistant(text, **more):
    return {"role": "assistant", "content": text, **more}


CORPUS = {
    "single": ([user("Hi <there> & \"you\" 'é' 日本")], None),
    "turns": ([user("One"), assistant("Two"), user("Three"), assistant("Four\nfive"), user("Six")], None),
    "system": ([{"role": "system", "content": "Be brief."}, user("Hi")], None),
    "developer": ([{"role": "developer", "content": "Be brief."}, user("Hi")], None),
    "parts": ([{"role": "user", "content": [{"type": "text", "text": "One"}, {"type": "text", "text": "two"}]}], None),
    "reasoning": ([user("One"), assistant("Two", reasoning_content="A thought."), user("Three")], None),
    "tools": ([user("Weather?")], TOOLS),
    "call": ([{"role": "system", "content": "Be brief."}, user("Weather?"), CALL, RESULT], TOOLS),
    "answer": ([user("Weather?"), CALL, RESULT, assistant("Blue."), user("Thanks.")], TOOLS),
}

# Prompts that differ from the template's own output, with the reasons.
EXPLAINED = {
    # The template needs a variable that only its vendor's program sets. jinja2 raises an error.
    "fireworks-ai-llama-3-firefunction-v2.jinja": set(CORPUS),
    # Shimmy puts tool results behind their calls, as in the model's training; the template alone does not.
    "google-gemma-4-31B-it-interleaved.jinja": {"call", "answer"},
    # jinja2 escapes the quotes of the tools' JSON as HTML entities.
    "meetkai-functionary-medium-v3.1.jinja": {"tools", "call", "answer"},
    # Shimmy writes the reasoning of earlier answers as [THINK]; the template supports it only as a content part.
    "mistralai-Ministral-3-14B-Reasoning-2512.jinja": {"reasoning"},
}
# The text for templates that do not write calls, or not in a form that a grammar can enforce.
GENERIC = "You can call these functions, described as JSON"


@pytest.mark.parametrize("file", sorted(path.name for path in TEMPLATES.glob("*.jinja")))
def test_a_prompt_is_what_jinja2_makes_of_it(home, file):
    source = (TEMPLATES / file).read_text()
    with Server(home, "--chat-template-file", str(TEMPLATES / file)) as server:
        for name, (messages, tools) in CORPUS.items():
            body = {"model": MODEL, "messages": messages, **({"tools": tools} if tools else {})}
            answer = server.request("POST", "/v1/chat/completions/render", body)
            expected = jinja_reference.renderings(source, messages, tools, bos_token="<|im_start|>", eos_token="<|im_end|>")
            if answer.status == 400:
                assert not expected, f"{name}: jinja2 does not refuse it"
                answer.assert_error(400, "messages", "invalid_value")
                continue
            prompt = answer.json["prompt"]
            if not expected:
                # A strict template refuses the conversation, which Shimmy changes until the template accepts it.
                continue
            if tools:
                assert "get_weather" in prompt, f"{name}: the model does not hear of its tools"
            if "folded-system" in answer.headers.get("x-shimmy-normalized", ""):
                # The template alone would omit the system message, at least in one form of the messages.
                assert "Be brief." in prompt and not all("Be brief." in other for other in expected.values())
                continue
            if GENERIC in prompt or name in EXPLAINED.get(file, ()):
                continue
            assert prompt in expected.values(), f"{name}: {prompt!r} is none of {expected}"


LOOPS = "{% for a in range(10000) %}{% for b in range(10000) %}x{% endfor %}{% endfor %}"


def test_a_template_that_does_not_end_is_refused_at_the_start(home, tmp_path):
    template = tmp_path / "endless.jinja"
    template.write_text(LOOPS + "{% for m in messages %}{{ m.content }}{% endfor %}")
    result = run(home, "serve", "--port", "auto", "--chat-template-file", str(template))
    assert result.returncode == 64
    assert "endless.jinja" in result.stderr and "the chat template takes more than" in result.stderr


def test_a_template_that_does_not_end_for_a_request_is_an_error(home, tmp_path):
    template = tmp_path / "endless.jinja"
    template.write_text("{% for m in messages %}{% if m.content == 'loop' %}" + LOOPS + "{% endif %}{{ m.content }}{% endfor %}")
    with Server(home, "--chat-template-file", str(template)) as server:
        message = server.chat("loop").assert_error(400, "messages", "invalid_value")
        assert "the chat template takes more than" in message
        assert server.chat("Hi", max_tokens=1).status == 200
