"""Requests in the form in which editors, agents and assistants send them.

Each file in `recorded` has the exchanges of one client. They are written from descriptions of what the client sends; they are not captures. In
bodies, "MODEL" and "EMBEDDER" stand for the names of the models. An exchange has:

- `like`: an earlier exchange, whose other fields the body has too
- `answer`: the kind of the answer in `KINDS`; the official clients' types check each object and event
- `streams`: the answer is a stream
- `requires`: a JSON schema of what the client itself needs in each object
- `ignored`: exactly the fields that the server reports as ignored
- `reuses`: an earlier request of the same conversation, whose prompt must not be computed again
- `calls`: the request is also sent to a model that must call a tool
"""

import json
import os
from pathlib import Path

import pytest
from anthropic.types.beta import BetaMessage, BetaMessageTokensCount, BetaModelInfo, BetaRawMessageStreamEvent
from jsonschema import Draft202012Validator
from ollama import ChatResponse, EmbedResponse, GenerateResponse, ListResponse, ProcessResponse, ProgressResponse, ShowResponse
from openai.types import Model
from openai.types.chat import ChatCompletion, ChatCompletionChunk
from openai.types.responses import CompactedResponse, Response, ResponseStreamEvent
from pydantic import BaseModel, ConfigDict

import dialects
from server import MODEL, Answer, Server, make_home
from strictly import strictly

FILES = sorted(Path(__file__).with_name("recorded").glob("*.json"))
EMBEDDER = "all-MiniLM-L6-v2"
# A model that must call a tool, for dialects without a choice of tools.
CALLER = "caller"
# Members that the server adds to the clients' types, or that they lack though the API's specification has them.
ADDED = {"shimmy", "store", "frequency_penalty", "presence_penalty", "name", "status"}
# Clients allow long answers. The server's presets shorten them.
TOKENS = {MODEL: 24, CALLER: 200}


def exchanges() -> dict:
    """Returns each exchange with its client's headers, by the names of both."""
    found = {}
    for path in FILES:
        client = json.loads(path.read_text())
        for exchange in client["exchanges"]:
            if "like" in exchange:
                exchange["body"] = {**found[f"{path.stem}: {exchange['like']}"]["body"], **exchange["body"]}
            found[f"{path.stem}: {exchange['name']}"] = {**exchange, "client": path.stem, "headers": client["headers"]}
    return found


EXCHANGES = exchanges()


class Exact(BaseModel):
    model_config = ConfigDict(extra="forbid")


class OpenAIModels(BaseModel):
    object: str
    data: list[Model]


class AnthropicModels(Exact):
    data: list[BetaModelInfo]
    first_id: str
    last_id: str
    has_more: bool


class PackedVectors(BaseModel):
    """OpenAI's type has the vectors after the client has unpacked them."""

    class Vector(Exact):
        object: str
        index: int
        embedding: str

    object: str
    model: str
    data: list[Vector]


class OpenAIError(Exact):
    class Content(Exact):
        message: str
        type: str
        param: str | None
        code: str | None

    error: Content


class AnthropicError(Exact):
    class Content(Exact):
        type: str
        message: str

    type: str
    error: Content
    request_id: str


class OllamaError(Exact):
    error: str


# The type of a whole answer, and of an element of a stream.
KINDS = {
    "anthropic message": (BetaMessage, BetaRawMessageStreamEvent),
    "anthropic count": (BetaMessageTokensCount, None),
    "anthropic models": (AnthropicModels, None),
    "anthropic error": (AnthropicError, None),
    "openai chat": (ChatCompletion, ChatCompletionChunk),
    "openai response": (Response, ResponseStreamEvent),
    "openai compaction": (CompactedResponse, None),
    "openai models": (OpenAIModels, None),
    "openai embeddings": (PackedVectors, None),
    "openai error": (OpenAIError, None),
    "ollama chat": (ChatResponse, ChatResponse),
    "ollama generate": (GenerateResponse, GenerateResponse),
    "ollama embed": (EmbedResponse, None),
    "ollama show": (ShowResponse, None),
    "ollama tags": (ListResponse, None),
    "ollama ps": (ProcessResponse, None),
    "ollama progress": (ProgressResponse, ProgressResponse),
    "ollama error": (OllamaError, None),
}
DIALECTS = {
    "anthropic message": dialects.Messages, "openai chat": dialects.ChatCompletions, "openai response": dialects.Responses,
    "ollama chat": dialects.Ollama,
}


@pytest.fixture(scope="module")
def desk(tmp_path_factory):
    """A server as the documents recommend for agents: a limit above the context is reduced."""
    home = make_home(tmp_path_factory.mktemp("desk"))
    (home / "data/models" / EMBEDDER).symlink_to(os.environ["SHIMMY_EMBEDDING_MODEL"])
    path = home / "shimmy.toml"
    path.write_text(
        f"""
[server]
max_tokens_over_context = "clamp"

[model."{MODEL}"]
forced = {{ max_tokens = {TOKENS[MODEL]}, temperature = 0 }}

[model.{CALLER}]
base = "{MODEL}"
forced = {{ max_tokens = {TOKENS[CALLER]}, temperature = 0, tool_choice = "required", parallel_tool_calls = false }}
"""
    )
    with Server(home, "--config", str(path)) as server:
        yield server
        assert server.process.poll() is None, server.log.read_text()[-3000:]


def send(server, exchange: dict, model: str = MODEL, **fields) -> Answer:
    body = exchange.get("body")
    if body is not None:
        names = {name: body[name].replace("MODEL", model).replace("EMBEDDER", EMBEDDER) for name in ("model", "name") if name in body}
        body = {**body, **names, **fields}
    method = exchange.get("method") or ("GET" if body is None else "POST")
    return server.request(method, exchange["path"], body, exchange["headers"])


def bounded(value):
    """Returns tools whose strings, arrays and objects are small: a small model could repeat itself in them up to the limit."""
    if isinstance(value, list):
        return [bounded(element) for element in value]
    if not isinstance(value, dict):
        return value
    limits = {"string": {"maxLength": 12}, "array": {"maxItems": 2}, "object": {"additionalProperties": False}}
    kind = value.get("type")
    return {**{name: bounded(element) for name, element in value.items()}, **(limits.get(kind, {}) if isinstance(kind, str) else {})}


def checked(answer: Answer, exchange: dict) -> list:
    """Returns the objects of an answer, after it has checked the status and each object."""
    assert answer.status == exchange.get("status", 200), answer.body
    kind = exchange.get("answer")
    if kind is None and exchange.get("method") == "HEAD":
        assert answer.body == b""
        return []
    if exchange.get("streams"):
        assert answer.headers["content-type"] == ("application/x-ndjson" if kind.startswith("ollama") else "text/event-stream")
        values = dialects.lines(answer, "" if kind.startswith("ollama") else "data: ")
        assert_complete(kind, values, answer.body.decode())
    else:
        assert answer.headers["content-type"] == "application/json"
        values = [answer.json]
    for value in values:
        if kind is not None:
            strictly(KINDS[kind][bool(exchange.get("streams"))], value, ADDED)
        Draft202012Validator(exchange.get("requires", {})).validate(value)
    return values


def assert_complete(kind: str, values: list, text: str):
    """Checks that a stream has its beginning, its end, and the names of its events."""
    names = [line.removeprefix("event: ") for line in text.split("\n") if line.startswith("event: ")]
    match kind:
        case "anthropic message":
            assert names == [value["type"] for value in values]
            assert names[0] == "message_start" and names[-2:] == ["message_delta", "message_stop"]
            assert names.count("content_block_start") == names.count("content_block_stop")
        case "openai response":
            assert names == [value["type"] for value in values] and names[0] == "response.created"
            assert names[-1] in ("response.completed", "response.incomplete")
        case "openai chat":
            assert names == [] and text.endswith("data: [DONE]\n\n")
        case "ollama chat" | "ollama generate":
            assert [value["done"] for value in values] == [False] * (len(values) - 1) + [True]
        case "ollama progress":
            assert values[-1] == {"status": "success"}


def prompt_tokens(kind: str, values: list) -> tuple[int, int]:
    """Returns the tokens of a prompt, and how many of them were cached."""
    match kind:
        case "anthropic message":
            usage = next(value["usage"] for value in values if value["type"] == "message_delta")
            cached = usage["cache_read_input_tokens"]
            return usage["input_tokens"] + usage["cache_creation_input_tokens"] + cached, cached
        case "openai response":
            usage = values[-1]["response"]["usage"]
            return usage["input_tokens"], usage["input_tokens_details"]["cached_tokens"]
        case "openai chat":
            usage = next(value["usage"] for value in values if value.get("usage"))
            return usage["prompt_tokens"], usage["prompt_tokens_details"]["cached_tokens"]


@pytest.mark.parametrize("name", EXCHANGES)
def test_a_client_gets_what_it_reads(desk, name):
    exchange, first = EXCHANGES[name], 0
    if "reuses" in exchange:
        earlier = EXCHANGES[f"{exchange['client']}: {exchange['reuses']}"]
        first, _ = prompt_tokens(earlier["answer"], checked(send(desk, earlier), earlier))
    answer = send(desk, exchange)
    values = checked(answer, exchange)
    assert set(answer.headers.get("x-shimmy-ignored-params", "").split(", ")) == set(exchange.get("ignored", [""]))
    if "reuses" in exchange:
        _, cached = prompt_tokens(exchange["answer"], values)
        assert cached >= 0.9 * first, (cached, first)


@pytest.mark.parametrize("name", [name for name, exchange in EXCHANGES.items() if exchange.get("calls")])
def test_a_client_gets_a_call_that_it_reads(desk, name):
    exchange = EXCHANGES[name]
    tools = bounded(exchange["body"]["tools"])
    answer = send(desk, exchange, CALLER, tools=tools)
    checked(answer, exchange)
    said = DIALECTS[exchange["answer"]].streamed(answer)
    [(called, arguments)] = said.calls
    [tool] = [tool for tool in (tool.get("function", tool) for tool in tools) if tool.get("name") == called]
    # The input of a custom tool is a text.
    schema = {"type": "string"} if tool.get("type") == "custom" else tool.get("parameters") or tool["input_schema"]
    Draft202012Validator(schema).validate(arguments)
