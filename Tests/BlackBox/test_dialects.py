"""One request in every dialect: the answers carry the same text, reasoning, calls, end and counts, alone and with 32 clients at once."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from dialects import DIALECTS, Said, ask, case
from server import MODEL, UPSTREAM, Server, make_home, run
from tool_calls import COLOUR, WEATHER

TEMPLATE = Path(__file__).with_name("thinking.jinja")
VERDICT = {
    "type": "object", "properties": {"answer": {"enum": ["yes", "no"]}, "why": {"type": "string", "maxLength": 20}}, "required": ["answer", "why"],
    "additionalProperties": False,
}
TOOLS = {"get_weather": WEATHER, "set_colour": COLOUR}
CONFIGURATION = f"""
[model.caller]
base = "{MODEL}"
defaults = {{ tool_choice = "required", parallel_tool_calls = false }}
"""


def start(home: Path, *arguments: str) -> Server:
    (home / "shimmy.toml").write_text(CONFIGURATION + UPSTREAM)
    return Server(home, "--config", str(home / "shimmy.toml"), *arguments)


@pytest.fixture(scope="module")
def exact(tmp_path_factory):
    """A server whose answers depend on the request alone, with a preset that has to call a tool: Ollama's API has no field for that."""
    with start(make_home(tmp_path_factory.mktemp("exact")), "--deterministic") as server:
        yield server


@pytest.fixture(scope="module")
def reasoner(tmp_path_factory):
    with Server(make_home(tmp_path_factory.mktemp("reasoner")), "--chat-template-file", str(TEMPLATE), "--deterministic") as server:
        yield server


def alike(server, case) -> Said:
    """Asks in each dialect, complete and streamed, and returns what all of them said."""
    answers = {(dialect.__name__, stream): ask(server, dialect, case, stream) for dialect in DIALECTS for stream in (False, True)}
    first = answers["ChatCompletions", False]
    assert answers == {key: first for key in answers}
    return first


def test_texts_are_alike(exact):
    said = alike(exact, case("Tell me about the sea.", temperature=1))
    assert said.text and said.end == "length" and said.output_tokens == 24 and said.prompt_tokens > 10
    other = alike(exact, case("Tell me about the sea.", temperature=1, seed=8))
    assert other.text != said.text and other.prompt_tokens == said.prompt_tokens


def test_reasoning_is_alike(reasoner):
    said = alike(reasoner, case("Why is the sky blue?", tokens=60, reasons=True))
    assert said.reasoning and said.output_tokens == 60


def test_calls_are_alike(exact):
    said = alike(exact, case("What is the weather in Rome?", model="caller", tokens=100, temperature=1, tools=TOOLS))
    [(name, arguments)] = said.calls
    assert name in TOOLS and arguments and said.end == "tool_calls"


def test_values_of_a_schema_are_alike(exact):
    said = alike(exact, case("Is the sea wet?", tokens=100, temperature=1, schema=VERDICT))
    assert said.text.startswith('{"answer":') and said.text.endswith("}") and said.end == "stop"


def test_32_clients_in_four_dialects_get_the_answers_of_an_idle_server(tmp_path_factory):
    home = make_home(tmp_path_factory.mktemp("fire"))
    if "Shimmy's for" not in run(home, "info").stdout:
        pytest.skip("ggml's kernels round differently for other batch shapes")
    cases = [
        case("Tell me about the sea.", temperature=1), case("Tell me about the sea.", temperature=1, seed=8), case("Count to five.", tokens=40),
        case("Name a colour. " * 30, tokens=12), case("What is the weather in Rome?", model="caller", tokens=80, temperature=1, tools=TOOLS),
        case("Is the sea wet?", tokens=60, temperature=1, schema=VERDICT), case("Say hello.", tokens=1), case("Write a poem.", tokens=60, temperature=1),
    ]
    with start(home) as server:
        calm = [ask(server, DIALECTS[0], case, stream=False) for case in cases]

        def client(number: int) -> list:
            """Asks four questions, each in another dialect, and returns the answers that differ from those of the idle server."""
            different = []
            for turn in range(4):
                index, dialect = (number * 5 + turn * 3) % len(cases), DIALECTS[(number + turn) % 4]
                said = ask(server, dialect, cases[index], stream=(number // 4 + turn) % 2 == 0)
                different += [] if said == calm[index] else [(dialect.__name__, said, calm[index])]
            return different

        with ThreadPoolExecutor(32) as pool:
            different = [one for found in pool.map(client, range(32)) for one in found]
        assert different == []
        server.wait_for(lambda engine: engine["running"] == 0 and engine["waiting"] == 0, "the end of all sequences")
