"""One request in the words of four dialects, and what their answers have in common."""

import json
from dataclasses import dataclass, field
from types import SimpleNamespace

from server import MODEL

SYSTEM = "You are terse."


@dataclass
class Said:
    """An answer without its dialect: the texts, the calls as name and arguments, the reason for its end, and its token counts."""

    text: str = ""
    reasoning: str = ""
    calls: list = field(default_factory=list)
    end: str = ""
    prompt_tokens: int = 0
    output_tokens: int = 0


def lines(answer, prefix: str = "data: ") -> list:
    """Returns the JSON values of a stream, one per line that begins with `prefix`."""
    assert answer.status == 200, answer.body
    found = [line[len(prefix):] for line in answer.body.decode().split("\n") if line.startswith(prefix) and line != ""]
    return [json.loads(line) for line in found if line != "[DONE]"]


def complete(answer) -> dict:
    assert answer.status == 200, answer.body
    return answer.json


class ChatCompletions:
    """OpenAI's chat completions."""

    @staticmethod
    def send(server, case, stream: bool):
        body = {
            "model": case.model, "messages": [{"role": "system", "content": SYSTEM}, {"role": "user", "content": case.question}],
            "max_completion_tokens": case.tokens, "temperature": case.temperature, "seed": case.seed, "stream": stream,
        }
        if case.tools:
            body["tools"] = [{"type": "function", "function": {"name": name, "parameters": schema}} for name, schema in case.tools.items()]
        if case.schema:
            body["response_format"] = {"type": "json_schema", "json_schema": {"name": "answer", "schema": case.schema}}
        return server.request("POST", "/v1/chat/completions", {**body, **({"stream_options": {"include_usage": True}} if stream else {})})

    @staticmethod
    def whole(answer) -> Said:
        value = complete(answer)
        [choice] = value["choices"]
        message, usage = choice["message"], value["usage"]
        calls = [(call["function"]["name"], json.loads(call["function"]["arguments"])) for call in message.get("tool_calls", [])]
        return Said(
            message["content"] or "", message.get("reasoning_content", ""), calls, choice["finish_reason"], usage["prompt_tokens"],
            usage["completion_tokens"])

    @staticmethod
    def streamed(answer) -> Said:
        said, calls = Said(), {}
        for event in lines(answer):
            for choice in event["choices"]:
                delta = choice["delta"]
                said.text += delta.get("content") or ""
                said.reasoning += delta.get("reasoning_content") or ""
                said.end = choice["finish_reason"] or said.end
                for call in delta.get("tool_calls", []):
                    known = calls.setdefault(call["index"], ["", ""])
                    known[0] += call["function"].get("name") or ""
                    known[1] += call["function"].get("arguments") or ""
            if event["usage"]:
                said.prompt_tokens, said.output_tokens = event["usage"]["prompt_tokens"], event["usage"]["completion_tokens"]
        said.calls = [(name, json.loads(arguments)) for name, arguments in calls.values()]
        return said


class Responses:
    """OpenAI's responses."""

    @staticmethod
    def send(server, case, stream: bool):
        body = {
            "model": case.model, "instructions": SYSTEM, "input": case.question, "max_output_tokens": case.tokens, "temperature": case.temperature,
            "seed": case.seed, "stream": stream, "store": False,
        }
        if case.tools:
            body["tools"] = [{"type": "function", "name": name, "parameters": schema, "strict": False} for name, schema in case.tools.items()]
        if case.schema:
            body["text"] = {"format": {"type": "json_schema", "name": "answer", "schema": case.schema}}
        return server.request("POST", "/v1/responses", body)

    @staticmethod
    def _said(response: dict) -> Said:
        said = Said(prompt_tokens=response["usage"]["input_tokens"], output_tokens=response["usage"]["output_tokens"])
        for item in response["output"]:
            if item["type"] == "message":
                said.text += "".join(part["text"] for part in item["content"])
            if item["type"] == "reasoning":
                said.reasoning += "".join(part["text"] for part in item["content"])
            if item["type"] == "function_call":
                said.calls.append((item["name"], json.loads(item["arguments"])))
            if item["type"] == "custom_tool_call":
                said.calls.append((item["name"], item["input"]))
        said.end = "length" if response["status"] == "incomplete" else "tool_calls" if said.calls else "stop"
        return said

    @classmethod
    def whole(cls, answer) -> Said:
        return cls._said(complete(answer))

    @classmethod
    def streamed(cls, answer) -> Said:
        events = lines(answer)
        said = cls._said(events[-1]["response"])
        said.text = "".join(event["delta"] for event in events if event["type"] == "response.output_text.delta")
        said.reasoning = "".join(event["delta"] for event in events if event["type"] == "response.reasoning_text.delta")
        arguments = {}
        for event in events:
            if event["type"] in ("response.function_call_arguments.delta", "response.custom_tool_call_input.delta"):
                arguments[event["item_id"]] = arguments.get(event["item_id"], "") + event["delta"]
        items = {event["item"]["id"]: event["item"] for event in events if event["type"] == "response.output_item.added"}
        said.calls = [(items[id]["name"], text if items[id]["type"] == "custom_tool_call" else json.loads(text)) for id, text in arguments.items()]
        return said


class Messages:
    """Anthropic's messages."""

    ENDS = {"end_turn": "stop", "max_tokens": "length", "tool_use": "tool_calls", "stop_sequence": "stop"}

    @staticmethod
    def send(server, case, stream: bool):
        body = {
            "model": case.model, "system": SYSTEM, "messages": [{"role": "user", "content": case.question}], "max_tokens": case.tokens,
            "temperature": case.temperature, "seed": case.seed, "stream": stream,
        }
        if case.tools:
            body["tools"] = [{"name": name, "input_schema": schema} for name, schema in case.tools.items()]
        if case.schema:
            body["output_config"] = {"format": {"type": "json_schema", "schema": case.schema}}
        if case.reasons:
            body["thinking"] = {"type": "adaptive"}
        return server.request("POST", "/v1/messages", body, {"anthropic-version": "2023-06-01"})

    @classmethod
    def _counted(cls, said: Said, usage: dict, end: str) -> Said:
        said.prompt_tokens = sum(usage[name] for name in ("input_tokens", "cache_creation_input_tokens", "cache_read_input_tokens"))
        said.output_tokens, said.end = usage["output_tokens"], cls.ENDS[end]
        return said

    @classmethod
    def whole(cls, answer) -> Said:
        value, said = complete(answer), Said()
        for block in value["content"]:
            if block["type"] == "text":
                said.text += block["text"]
            if block["type"] == "thinking":
                said.reasoning += block["thinking"]
            if block["type"] == "tool_use":
                said.calls.append((block["name"], block["input"]))
        return cls._counted(said, value["usage"], value["stop_reason"])

    @classmethod
    def streamed(cls, answer) -> Said:
        said, names, arguments = Said(), {}, {}
        for event in lines(answer):
            if event["type"] == "content_block_start" and event["content_block"]["type"] == "tool_use":
                names[event["index"]] = event["content_block"]["name"]
            if event["type"] == "content_block_delta":
                delta = event["delta"]
                said.text += delta.get("text", "")
                said.reasoning += delta.get("thinking", "")
                arguments[event["index"]] = arguments.get(event["index"], "") + delta.get("partial_json", "")
            if event["type"] == "message_delta":
                cls._counted(said, event["usage"], event["delta"]["stop_reason"])
        said.calls = [(name, json.loads(arguments[index] or "{}")) for index, name in names.items()]
        return said


class Ollama:
    """Ollama's chats."""

    @staticmethod
    def send(server, case, stream: bool):
        body = {
            "model": case.model, "messages": [{"role": "system", "content": SYSTEM}, {"role": "user", "content": case.question}], "stream": stream,
            "options": {"num_predict": case.tokens, "temperature": case.temperature, "seed": case.seed, "top_p": 1, "top_k": 0, "repeat_penalty": 1},
        }
        if case.tools:
            body["tools"] = [{"type": "function", "function": {"name": name, "parameters": schema}} for name, schema in case.tools.items()]
        if case.schema:
            body["format"] = case.schema
        if case.reasons:
            body["think"] = True
        return server.request("POST", "/api/chat", body)

    @staticmethod
    def _said(parts: list) -> Said:
        said, last = Said(), parts[-1]
        assert last["done"] is True
        for part in parts:
            message = part["message"]
            said.text += message["content"]
            said.reasoning += message.get("thinking", "")
            said.calls += [(call["function"]["name"], call["function"]["arguments"]) for call in message.get("tool_calls", [])]
        # Ollama has no reason of its own for an answer that ends with calls.
        said.end = "tool_calls" if said.calls and last["done_reason"] == "stop" else last["done_reason"]
        said.prompt_tokens, said.output_tokens = last["prompt_eval_count"], last["eval_count"]
        return said

    @classmethod
    def whole(cls, answer) -> Said:
        return cls._said([complete(answer)])

    @classmethod
    def streamed(cls, answer) -> Said:
        return cls._said(lines(answer, ""))


DIALECTS = [ChatCompletions, Responses, Messages, Ollama]


def case(question: str, model: str = MODEL, tokens: int = 24, temperature: float = 0, seed: int = 7, tools=None, schema=None, reasons: bool = False):
    return SimpleNamespace(
        question=question, model=model, tokens=tokens, temperature=temperature, seed=seed, tools=tools, schema=schema, reasons=reasons)


def ask(server, dialect, case, stream: bool) -> Said:
    answer = dialect.send(server, case, stream)
    return dialect.streamed(answer) if stream else dialect.whole(answer)
