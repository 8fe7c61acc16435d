"""Damaged requests against a real server: a corpus of valid requests, mutations of them, and checks of each answer.

    python3 request_fuzz.py [--seconds N] [--seed N]     runs successive seeds for N seconds

Each request depends only on `SEED:NUMBER`, so that failures are reproducible.
"""

import argparse
import asyncio
import copy
import json
import random
import sys
import tempfile
import time
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path

import tiny_models
from server import Server

MODEL = "tiny"
# The max seconds of an answer. The model is tiny, and its context is short.
SLOWEST = 30

TOOL = {"type": "function", "function": {"name": "f", "description": "d", "parameters": {
    "type": "object", "properties": {"a": {"type": "string"}, "b": {"type": "integer"}}, "required": ["a"]}}}
SCHEMA = {"type": "object", "properties": {"a": {"type": "array", "items": {"enum": ["x", 1, None]}, "maxItems": 3}, "b": {"$ref": "#/$defs/n"}},
          "required": ["a", "b"], "additionalProperties": False, "$defs": {"n": {"type": "number", "minimum": 0, "maximum": 10}}}
INPUT_TOOL = {"name": "f", "description": "d", "input_schema": TOOL["function"]["parameters"]}
OPTIONS = {"num_predict": 4, "temperature": 0.5, "seed": 1}
MESSAGES = [{"role": "system", "content": "Be short."}, {"role": "user", "content": [{"type": "text", "text": "Hi"}]}]
ITEMS = [{"type": "message", "role": "user", "content": [{"type": "input_text", "text": "Hi"}]},
         {"type": "function_call", "call_id": "c", "name": "f", "arguments": "{}"}, {"type": "function_call_output", "call_id": "c", "output": "1"}]


def chat(**fields):
    return {"model": MODEL, "messages": MESSAGES, "max_completion_tokens": 4, "temperature": 0.5, "seed": 1, **fields}


def respond(**fields):
    return {"model": MODEL, "input": "Hi", "max_output_tokens": 4, **fields}


def message(**fields):
    return {"model": MODEL, "max_tokens": 4, "messages": [{"role": "user", "content": "Hi"}], "temperature": 0.5, **fields}


def complete(**fields):
    return {"model": MODEL, "prompt": "Hi", "n_predict": 3, "temperature": 0.5, "seed": 1, **fields}


# Valid requests: method, path, body.
CORPUS = [
    ("POST", "/v1/chat/completions", chat(top_p=0.9, n=2, stop=["x"], logprobs=True, top_logprobs=2, logit_bias={"5": 1})),
    ("POST", "/v1/chat/completions", chat(stream=True, stream_options={"include_usage": True}, user="u", store=True, metadata={"a": "b"})),
    ("POST", "/v1/chat/completions", chat(tools=[TOOL], tool_choice="auto", parallel_tool_calls=False)),
    ("POST", "/v1/chat/completions", chat(tools=[TOOL], tool_choice={"type": "function", "function": {"name": "f"}}, stream=True)),
    ("POST", "/v1/chat/completions", chat(response_format={"type": "json_schema", "json_schema": {"name": "a", "strict": True, "schema": SCHEMA}})),
    ("POST", "/v1/chat/completions", chat(response_format={"type": "json_object"}, reasoning_effort="low", store=True)),
    ("POST", "/v1/chat/completions", chat(tools=[{"type": "custom", "custom": {"name": "g", "format": {
        "type": "grammar", "grammar": {"syntax": "lark", "definition": "start: /[a-c]+/ \"d\"?"}}}}])),
    ("POST", "/v1/chat/completions", chat(messages=[
        {"role": "user", "content": "a"}, {"role": "assistant", "content": None, "tool_calls": [
            {"id": "c", "type": "function", "function": {"name": "f", "arguments": "{\"a\": 1}"}}]},
        {"role": "tool", "tool_call_id": "c", "content": "x"}], tools=[TOOL], prediction={"type": "content", "content": "abc"})),
    ("POST", "/v1/completions", {"model": MODEL, "prompt": ["a", "b"], "max_tokens": 3, "echo": True, "logprobs": 1, "suffix": None, "best_of": 2}),
    ("POST", "/v1/completions", {"model": MODEL, "prompt": [1, 2, 3], "max_tokens": 3, "stream": True, "frequency_penalty": 0.1, "top_k": 5}),
    ("POST", "/v1/responses", respond(instructions="x", metadata={"k": "v"}, store=True, truncation="auto")),
    ("POST", "/v1/responses", respond(input=ITEMS, tools=[{"type": "function", **TOOL["function"], "strict": False}], stream=True)),
    ("POST", "/v1/responses", respond(text={"format": {"type": "json_schema", "name": "a", "schema": SCHEMA}}, reasoning={"effort": "low"})),
    ("POST", "/v1/responses", respond(background=True, include=["message.output_text.logprobs"], previous_response_id=None)),
    ("POST", "/v1/responses/input_tokens", {"model": MODEL, "input": ITEMS}),
    ("POST", "/v1/responses/compact", {"model": MODEL, "input": ITEMS}),
    ("GET", "/v1/responses/resp_1?stream=true&starting_after=0", None),
    ("GET", "/v1/responses/resp_1/input_items?limit=2&order=asc&after=x", None),
    ("POST", "/v1/responses/resp_1/cancel", {}),
    ("DELETE", "/v1/responses/resp_1", None),
    ("POST", "/v1/conversations", {"items": ITEMS[:1], "metadata": {"a": "b"}}),
    ("GET", "/v1/conversations?limit=100&order=desc", None),
    ("GET", "/v1/conversations/conv_1/items?limit=100&order=desc", None),
    ("POST", "/v1/conversations/conv_1/items", {"items": ITEMS}),
    ("DELETE", "/v1/conversations/conv_1/items/msg_1", None),
    ("GET", "/v1/chat/completions?limit=3&order=asc&metadata[a]=b&model=tiny", None),
    ("POST", "/v1/chat/completions/chatcmpl-1", {"metadata": {"a": "b"}}),
    ("GET", "/v1/chat/completions/chatcmpl-1/messages?limit=1", None),
    ("POST", "/v1/embeddings", {"model": MODEL, "input": ["a", "b"], "encoding_format": "base64", "dimensions": 4}),
    ("POST", "/v1/rerank", {"model": MODEL, "query": "q", "documents": ["a", {"text": "b"}], "top_n": 1, "return_documents": True}),
    ("POST", "/v2/rerank", {"model": MODEL, "query": "q", "documents": ["a"], "top_n": 1}),
    ("POST", "/v1/audio/speech", {"model": MODEL, "input": "a", "voice": "b", "speed": 1.5}),
    ("POST", "/v1/images/generations", {"model": MODEL, "prompt": "a", "n": 1, "size": "1024x1024", "user": "u"}),
    ("POST", "/v1/decisions", {"model": MODEL, "input": "a", "questions": [
        {"type": "predicate", "name": "p", "instructions": [{"type": "input_text", "text": "a"}, {"type": "input_json", "data": {"a": [1]}}]},
        {"type": "choice", "instructions": "a", "choices": [{"value": "a", "description": "d"}, {"value": True}]},
        {"type": "score", "instructions": "a", "levels": [{"label": "a"}, {"label": "b"}]}]}),
    ("POST", "/v1/systemone", {"model": MODEL, "state": {"a": 1}, "questions": {
        "p": {"type": "noul", "instructions": "a", "criteria": {"true": "t"}},
        "c": {"type": "choice", "instructions": "a", "criteria": {"a": None, "b": "d"}},
        "s": {"type": "score", "instructions": "a", "criteria": ["a", "b"]}}}),
    ("POST", "/v1/moderations", {"model": MODEL, "input": [{"type": "text", "text": "a"}]}),
    ("POST", "/v1/tokenize", {"model": MODEL, "prompt": "Hi", "add_special_tokens": True, "return_token_strs": True}),
    ("POST", "/v1/tokenize", {"model": MODEL, "messages": MESSAGES, "tools": [TOOL], "chat_template_kwargs": {"a": 1}}),
    ("POST", "/v1/detokenize", {"model": MODEL, "tokens": [1, 2, 3]}),
    ("POST", "/v1/chat/completions/render", chat(tools=[TOOL])),
    ("GET", "/v1/tokenizer_info?model=tiny", None),
    ("GET", "/v1/models", None), ("GET", "/v1/models/tiny", None), ("GET", "/v1/engine", None), ("GET", "/health", None),
    ("GET", "/v1/lora-adapters?model=tiny", None),
    ("POST", "/v1/models/load", {"model": MODEL, "keep_alive": "5m", "stream": True}),
    ("POST", "/v1/models/unload", {"model": "tiny-2"}),
    ("POST", "/v1/models/rescan", {}),
    ("POST", "/v1/models/unpin", {"model": "tiny-2"}),
    ("GET", "/admin/downloads", None), ("DELETE", "/admin/downloads/maker/model:Q4_0", None),
    ("GET", "/v1/key", None), ("GET", "/v1/key/usage/completions?start_time=1&end_time=2&limit=1&group_by=model", None),
    ("POST", "/v1/organization/admin_api_keys/key_1", {"name": "a", "limits": {"concurrency": 1}, "tokens_per_day": None, "models": ["a*"], "weight": 2}),
    # Anthropic's API.
    ("POST", "/v1/messages", message(system=[{"type": "text", "text": "x", "cache_control": {"type": "ephemeral"}}], stop_sequences=["x"], top_k=5)),
    ("POST", "/v1/messages", message(stream=True, thinking={"type": "disabled"}, metadata={"user_id": "u"}, tools=[INPUT_TOOL], tool_choice={"type": "auto"})),
    ("POST", "/v1/messages", message(messages=[
        {"role": "user", "content": "a"}, {"role": "assistant", "content": [
            {"type": "thinking", "thinking": "t", "signature": ""}, {"type": "tool_use", "id": "c", "name": "f", "input": {"a": "1"}}]},
        {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "c", "content": [{"type": "text", "text": "x"}], "is_error": False}]}],
        tools=[INPUT_TOOL])),
    ("POST", "/v1/messages/count_tokens", {"model": MODEL, "messages": [{"role": "user", "content": "a"}], "tools": [INPUT_TOOL]}),
    # Ollama's API.
    ("POST", "/api/chat", {"model": MODEL, "messages": [{"role": "system", "content": "a"}, {"role": "user", "content": "Hi"}], "stream": False,
                           "keep_alive": "5m", "truncate": True, "options": {**OPTIONS, "num_ctx": 512, "stop": ["x"], "repeat_last_n": 8}}),
    ("POST", "/api/chat", {"model": MODEL, "messages": [
        {"role": "user", "content": "a"}, {"role": "assistant", "content": "", "tool_calls": [{"function": {"name": "f", "arguments": {"a": "1"}}}]},
        {"role": "tool", "tool_name": "f", "content": "x"}], "tools": [TOOL], "options": OPTIONS}),
    ("POST", "/api/chat", {"model": MODEL, "messages": [{"role": "user", "content": "a"}], "format": SCHEMA, "logprobs": True, "top_logprobs": 2, "options": OPTIONS}),
    ("POST", "/api/generate", {"model": MODEL, "prompt": "a", "system": "b", "context": [1, 2, 3], "stream": False, "format": "json", "options": OPTIONS}),
    ("POST", "/api/generate", {"model": MODEL, "prompt": "a", "raw": True, "think": False, "options": OPTIONS}),
    ("POST", "/api/generate", {"model": MODEL, "prompt": "a", "template": "{{ if .System }}s{{ else }}{{ .Prompt }}{{ end }}", "options": OPTIONS}),
    ("POST", "/api/embed", {"model": MODEL, "input": ["a", "b"], "truncate": True, "dimensions": 4}),
    ("POST", "/api/show", {"model": MODEL, "verbose": True}),
    ("POST", "/api/create", {"model": "made", "from": MODEL, "system": "a", "parameters": {"temperature": 0.5, "stop": ["x"]}, "stream": False,
                             "messages": [{"role": "user", "content": "a"}]}),
    ("POST", "/api/copy", {"source": MODEL, "destination": "copied"}), ("DELETE", "/api/delete", {"model": "copied"}),
    ("GET", "/api/tags", None), ("GET", "/api/ps", None), ("GET", "/api/version", None),
    # LM Studio's and llama-server's APIs.
    ("GET", "/api/v0/models/tiny", None), ("GET", "/api/v1/models", None),
    ("POST", "/api/v1/models/load", {"model": "tiny-2", "context_length": 512, "ttl": 60, "echo_load_config": True}),
    ("POST", "/api/v1/models/unload", {"instance_id": "tiny-2"}),
    ("POST", "/completion", complete(samplers=["top_k", "temperature"], logit_bias=[[5, 1.0], ["a", False]], stop=["x"], n_probs=2, n_indent=0)),
    ("POST", "/completion", complete(prompt=["a", [1, 2, "b"]], stream=True, timings_per_token=True, return_tokens=True, t_max_predict_ms=1000)),
    ("POST", "/completion", complete(json_schema=SCHEMA, response_fields=["content", "timings"], dry_multiplier=0.5, dry_sequence_breakers=["\n"])),
    ("POST", "/infill", {"model": MODEL, "input_prefix": "a", "input_suffix": "b", "input_extra": [{"filename": "f", "text": "t"}], "prompt": "", "n_predict": 3}),
    ("POST", "/embedding", {"model": MODEL, "content": ["a", "b"], "embd_normalize": 0}),
    ("POST", "/apply-template", {"model": MODEL, "messages": MESSAGES}), ("POST", "/v1/chat/completions/input_tokens", chat(tools=[TOOL])),
    ("GET", "/props?model=tiny", None), ("GET", "/slots", None), ("GET", "/metrics", None),
]
# The model of the corpus generates text and has no tokens for a gap, so that it refuses these.
NOT_FOR_THE_MODEL = {"/api/embed", "/embedding", "/infill", "/v1/audio/speech", "/v1/images/generations"}
LLAMA_SERVER = ("/completion", "/infill", "/embedding", "/apply-template", "/props", "/slots")

EXTREMES = [
    None, True, False, 0, 1, -1, 2, 0.5, -0.0, 1e308, -1e308, 5e-324, 2**31 - 1, 2**31, 2**32, 2**53 + 1, 2**63 - 1, 2**63, -(2**63), 10**40, "", " ", "a",
    "\x00", "\x1b[31m", "\u202e", "\ud7ff\ufffe", "e\u0301" * 20, "👩‍👩‍👧‍👦", "../../../etc/passwd", "a" * 5000, "9" * 400, "%s%n", "{{ x }}", "{% for %}",
    "<|im_end|>", "[INST]", "(a|a)*b", "[", "root ::= root", "start: start", [], {}, [[]], [{}], [None], {"": ""}, {"type": "x"}, {"$ref": "#"},
    {"type": "string", "pattern": "(" * 50}, {"type": "string", "maxLength": 10**9}, {"type": "array", "minItems": 10**7},
    {"anyOf": [{"$ref": "#/$defs/n"}] * 50}, {"enum": []}, [1] * 3000, {str(number): number for number in range(2000)},
]


def deep(kind: str, levels: int):
    """Returns deeply nested JSON as text, because Python's JSON writer is recursive."""
    return "[" * levels + "]" * levels if kind == "array" else '{"a":' * levels + "1" + "}" * levels


@dataclass
class Request:
    method: str
    path: str
    body: bytes | None
    headers: list = field(default_factory=list)
    # Whether the body is shorter than its Content-Length.
    is_cut: bool = False

    @property
    def is_http(self) -> bool:
        """Returns whether the request line and the headers are valid, so that the server has to answer instead of closing the connection."""
        lines = [self.method, self.path, *(value for _, value in self.headers)]
        return not self.is_cut and self.method not in ("TRACE", "X") and self.path != "*" and all(32 <= ord(letter) < 127 for line in lines for letter in line)


# The max number of paths to choose from. More would take this program so long that it could not read answers meanwhile, and they would look late.
MOST_PLACES = 100_000


def places(value, path=()):
    """Returns the paths of nested values, of all if there are at most `MOST_PLACES`. The path of the value itself is empty."""
    found, open_ = [], [(path, value)]
    while open_ and len(found) < MOST_PLACES:
        path, value = open_.pop()
        found.append(path)
        if isinstance(value, dict):
            open_ += [((*path, key), member) for key, member in islice(value.items(), MOST_PLACES)]
        elif isinstance(value, list):
            open_ += [((*path, index), member) for index, member in enumerate(islice(value, MOST_PLACES))]
    return found


def at(value, path):
    for key in path:
        value = value[key]
    return value


class Mutator:
    """A generator of requests that depend only on its random source."""

    def __init__(self, source: random.Random):
        self.source = source

    def request(self) -> Request:
        method, path, body = self.source.choice(CORPUS)
        headers = []
        if body is not None:
            body = copy.deepcopy(body)
            for _ in range(self.source.choice([0, 1, 1, 1, 2, 3, 6])):
                body = self.changed(body)
        text = None if body is None else self.written(body)
        request = Request(method, path, text, headers)
        if self.source.random() < 0.15:
            self.damage(request)
        return request

    # Values

    def changed(self, body):
        path = self.source.choice(places(body))
        if not path:
            return self.value() if self.source.random() < 0.2 else body
        parent, key = at(body, path[:-1]), path[-1]
        way = self.source.randrange(9)
        if way <= 2:
            parent[key] = self.value()
        elif way == 3:
            del parent[key]
        elif way == 4:
            # A value from another path.
            parent[key] = copy.deepcopy(at(body, self.source.choice(places(body))))
        elif way == 5 and isinstance(parent, list):
            # Bodies stay below some times the server's limit, because this program sends a body as a whole before it reads the answer.
            is_large = len(json.dumps(parent[key])) > 100_000
            parent[key:key] = [copy.deepcopy(parent[key])] * self.source.choice([1, 5] if is_large else [1, 5, 200])
        elif way == 6 and isinstance(parent, dict):
            parent[self.source.choice(["x", "", "stream", "n", "tools", "\u00e9", "a" * 300, "lora", "grammar", "guided_json", "messages", "input"])] = self.value()
        elif way == 7 and isinstance(parent[key], str):
            parent[key] = self.text(parent[key])
        elif way == 8 and isinstance(parent[key], (int, float)) and not isinstance(parent[key], bool):
            parent[key] = self.source.choice([-parent[key], parent[key] * 1000, parent[key] + 0.5, str(parent[key]), [parent[key]]])
        else:
            parent[key] = self.value()
        return body

    def value(self):
        return copy.deepcopy(self.source.choice(EXTREMES))

    def text(self, text):
        index = self.source.randrange(len(text) + 1)
        piece = self.source.choice(["\x00", "\u0301", "\U0001f600", "\ufeff", "\r\n", "\\", "\"", "<|", " " * 100, "ab" * 1000])
        return self.source.choice([text[:index] + piece + text[index:], text * self.source.choice([2, 50]), text[:index], text[::-1], text.upper()])

    # Bytes

    def written(self, body) -> bytes:
        text = json.dumps(body, ensure_ascii=self.source.random() < 0.5)
        way = self.source.random()
        if way < 0.03 and text.startswith("{"):
            # A duplicate field.
            text = '{"model": 1, ' + text[1:]
        elif way < 0.06:
            text = text.replace("1", deep(self.source.choice(["array", "object"]), self.source.choice([100, 200, 100_000])), 1)
        elif way < 0.08:
            text = text.replace("1", self.source.choice(["1e400", "-", "01", "1.", "NaN", "Infinity", "0x1", "1" * 5000, "1e-999999999", "+1"]), 1)
        elif way < 0.10:
            text = " " * 10_000 + text + "\n" * 10_000
        data = text.encode("utf-8", errors="surrogatepass")
        way = self.source.random()
        if way < 0.03:
            data = text.encode(self.source.choice(["utf-16", "utf-32", "utf-7"]), errors="replace")
        elif way < 0.12 and data:
            data = bytearray(data)
            for _ in range(self.source.choice([1, 1, 3, 20])):
                data[self.source.randrange(len(data))] = self.source.randrange(256)
            data = bytes(data)
        elif way < 0.16:
            data = data[: self.source.randrange(len(data) + 1)]
        return data

    def damage(self, request: Request):
        way = self.source.randrange(8)
        if way == 0 and request.body:
            request.is_cut = True
        elif way == 1:
            request.method = self.source.choice(["GET", "POST", "PUT", "DELETE", "PATCH", "HEAD", "OPTIONS", "TRACE", "X"])
        elif way == 2:
            request.path += self.source.choice(["/", "//", "?a", "?limit=-1", "?limit=99999999999999999999", "&limit=0", "?stream=maybe", "%00", "%ff", "/../x", "?%"])
        elif way == 3:
            request.headers.append(("Content-Type", self.source.choice(["text/plain", "application/xml", "multipart/form-data", "application/json; charset=utf-16", ""])))
        elif way == 4:
            request.headers.append((self.source.choice(["Accept", "Authorization", "X-Request-ID", "Idempotency-Key", "Expect", "Origin", "Accept-Encoding"]),
                                    self.source.choice(["", "a" * 4000, "Bearer", "null", "100-continue", "*/*;q=9", "\x7f", "gzip"])))
        elif way == 5:
            request.path = request.path.replace("_1", self.source.choice(["_%2e%2e", "_" + "a" * 3000, "_'--", "_\u00e9".encode().decode("latin-1"), ""]))
        elif way == 6:
            request.path = self.source.choice(["/", "/v1", "/v1/", "*", "/v1/models/" + "x/" * 200, "/v1/models/%E4%", "/favicon.ico"])
        else:
            request.body = self.source.choice([b"", b"null", b"[]", b"\"\"", b"{", b"\xff\xfe", b"{}" * 1000, b"\x00" * 100])


class Fault(AssertionError):
    """A violation of the checks by the server."""


async def exchange(port: int, request: Request) -> tuple[int, dict, bytes] | None:
    """Sends a request. Returns status, headers and body, or None if the connection ended without an answer."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port, limit=1 << 26)
    try:
        names = {name.lower() for name, _ in request.headers}
        head = [f"{request.method} {request.path} HTTP/1.1", f"Host: 127.0.0.1:{port}", "Connection: close"]
        if request.body is not None:
            head.append(f"Content-Length: {len(request.body)}")
            if "content-type" not in names:
                head.append("Content-Type: application/json")
        head += [f"{name}: {value}" for name, value in request.headers]
        body = request.body or b""
        try:
            writer.write("\r\n".join(head).encode("latin-1", errors="replace") + b"\r\n\r\n" + (body[: len(body) // 2] if request.is_cut else body))
            await writer.drain()
            if request.is_cut:
                writer.write_eof()
        except ConnectionError:
            pass  # The server may have answered already.
        try:
            return await answer(reader, request.method)
        except (ConnectionError, asyncio.IncompleteReadError):
            return None
    finally:
        writer.close()


async def answer(reader, method):
    while True:
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
        lines = head.split("\r\n")
        version, status, *_ = lines[0].split(" ")
        if version != "HTTP/1.1" or not status.isdigit():
            raise Fault(f"not HTTP: {head[:200]!r}")
        if int(status) >= 200:
            break
    headers = {name.strip().lower(): value.strip() for name, _, value in (line.partition(":") for line in lines[1:] if line)}
    if method == "HEAD" or int(status) in (204, 304):
        return int(status), headers, b""
    if headers.get("transfer-encoding") == "chunked":
        body = b""
        while size := int((await reader.readuntil(b"\r\n")).strip(), 16):
            body += (await reader.readexactly(size + 2))[:-2]
        await reader.readuntil(b"\r\n")
        return int(status), headers, body
    return int(status), headers, await reader.readexactly(int(headers.get("content-length", "0")))


def check(request: Request, result):
    """Raises `Fault` for an invalid answer."""
    if result is None:
        if request.is_http:
            raise Fault("the connection ended without an answer")
        return
    status, headers, body = result
    # Anthropic's API has 529 in place of 503.
    if status >= 500 and status not in (503, 529):
        raise Fault(f"status {status}: {body[:500]!r}")
    if status >= 500 and "retry-after" not in headers:
        raise Fault(f"a {status} without retry-after: {body[:500]!r}")
    if not body:
        return
    kind = headers.get("content-type", "")
    if kind.startswith("text/event-stream"):
        for line in body.decode("utf-8").split("\n"):
            if line.startswith("data: ") and line != "data: [DONE]":
                event = json.loads(line[6:])
                error = event.get("error") if isinstance(event, dict) else None
                if error and event.get("type") != "error" and str(error.get("type")).startswith("server"):
                    raise Fault(f"an error of the server's in a stream: {line[:500]}")
        return
    if kind.startswith("application/x-ndjson") and status < 400:
        for line in body.decode("utf-8").splitlines():
            json.loads(line)
        return
    if not kind.startswith("application/json"):
        if status >= 400:
            raise Fault(f"an error of the type {kind!r}: {body[:200]!r}")
        return
    value = json.loads(body)
    if status >= 400:
        if not is_error(value, request.path):
            raise Fault(f"an error without its parts: {body[:500]!r}")


def is_error(value, path: str) -> bool:
    """Returns whether a value has the form of the errors at a path. Paths without a route have OpenAI's form."""
    error = value.get("error") if isinstance(value, dict) else None
    if isinstance(error, str):
        return path.startswith("/api/") and error != ""
    if not isinstance(error, dict) or not error.get("message") or "type" not in error:
        return False
    if path.startswith("/v1/messages") and value.get("type") == "error":
        return True
    return "code" in error and ("param" in error or path.startswith(LLAMA_SERVER))


async def one(server, name: str):
    request = Mutator(random.Random(name)).request()
    began = time.monotonic()
    try:
        result = await asyncio.wait_for(exchange(server.port, request), SLOWEST)
        check(request, result)
        return result[0] if result else 0
    except (Fault, ValueError, asyncio.TimeoutError, ConnectionRefusedError) as error:
        what = f"no answer in {time.monotonic() - began:.0f} s" if isinstance(error, asyncio.TimeoutError) else f"{type(error).__name__}: {error}"
        shown = request.body if request.body is None or len(request.body) < 3000 else request.body[:3000] + b"..."
        raise Fault(f"seed {name}: {what}\n{request.method} {request.path[:300]} {request.headers}\n{shown!r}") from error


async def fuzz(server, seed: int, count: int, width: int = 4, until: float | None = None) -> dict:
    """Sends `count` requests, `width` at a time. Returns the number of answers per status. Raises `Fault` with the first ten faults."""
    statuses, faults, numbers = {}, [], iter(range(count))

    async def work():
        for number in numbers:
            if len(faults) >= 10 or server.process.poll() is not None or (until and time.monotonic() > until):
                return
            try:
                status = await one(server, f"{seed}:{number}")
                statuses[status] = statuses.get(status, 0) + 1
            except Fault as fault:
                faults.append(str(fault))

    await asyncio.gather(*(work() for _ in range(width)))
    if server.process.poll() is not None:
        faults.append(f"the server ended with {server.process.returncode}:\n{server.log.read_text()[-3000:]}")
    if faults:
        raise Fault("\n\n".join(faults))
    return statuses


def make_home(path: Path) -> Path:
    for name in ("tiny", "tiny-2"):
        tiny_models.llama(path / f"data/models/{name}.gguf", context=2048)
    return path


def serve(home: Path) -> Server:
    return Server(make_home(home), "--request-seconds", "10", HF_HUB_OFFLINE="1")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--seconds", type=float, default=3600)
    parser.add_argument("--seed", type=int, default=time.time_ns() % 10**9)
    options = parser.parse_args()
    until, seed, total = time.monotonic() + options.seconds, options.seed, {}
    with tempfile.TemporaryDirectory() as folder, serve(Path(folder)) as server:
        while time.monotonic() < until:
            try:
                for status, count in asyncio.run(fuzz(server, seed, 1000, until=until)).items():
                    total[status] = total.get(status, 0) + count
            except Fault as fault:
                sys.exit(str(fault))
            seed += 1
    print(json.dumps({"seeds": [options.seed, seed], "answers": {str(status): count for status, count in sorted(total.items())}}))


if __name__ == "__main__":
    main()
