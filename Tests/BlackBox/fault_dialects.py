"""The requests of `upstream_faults.py` in four dialects, and what their answers and errors have in common."""

import json
from dataclasses import dataclass


@dataclass
class Reply:
    status: int
    text: str = ""
    is_complete: bool = False
    code: str | None = None
    message: str | None = None
    upstream: str | None = None


def question(number: int) -> str:
    return f"Repeat number-{number:08d}."


def request_of(plan) -> tuple[str, dict]:
    messages = [{"role": "user", "content": question(plan.number)}]
    common = {"model": plan.model, "stream": plan.streams}
    match plan.dialect:
        case "chat":
            return "/v1/chat/completions", {**common, "messages": messages}
        case "responses":
            return "/v1/responses", {**common, "input": question(plan.number), "store": plan.number % 2 == 0}
        case "messages":
            return "/v1/messages", {**common, "messages": messages, "max_tokens": 64}
    return "/api/chat", {**common, "messages": messages}


def note_error(reply: Reply, value: dict):
    error = value.get("error") or value
    reply.message = error if isinstance(error, str) else error["message"]
    reply.code = None if isinstance(error, str) else error.get("code")


def note_event(dialect: str, reply: Reply, event: dict):
    """Adds an event of a stream to a reply."""
    if event.get("error") or event.get("type") == "error":
        note_error(reply, event)
    elif dialect == "chat":
        for choice in event["choices"]:
            reply.text += choice["delta"].get("content") or ""
            reply.is_complete |= choice["finish_reason"] == "stop"
    elif dialect == "responses":
        reply.text += event["delta"] if event["type"] == "response.output_text.delta" else ""
        reply.is_complete |= event["type"] == "response.completed"
        if event["type"] == "response.failed":
            note_error(reply, event["response"])
    elif dialect == "messages":
        reply.text += event["delta"]["text"] if event["type"] == "content_block_delta" else ""
        reply.is_complete |= event["type"] == "message_stop"
    else:
        reply.text += event["message"]["content"]
        reply.is_complete |= event["done"]


def reply_of(plan, status: int, headers, body: bytes) -> Reply:
    reply = Reply(status, upstream=headers.get("x-shimmy-upstream"))
    if status != 200:
        note_error(reply, json.loads(body))
    elif plan.streams:
        lines = body.decode().split("\n")
        if plan.dialect != "ollama":
            lines = [line[6:] for line in lines if line.startswith("data: ") and line != "data: [DONE]"]
        for line in filter(None, lines):
            note_event(plan.dialect, reply, json.loads(line))
    else:
        value = json.loads(body)
        reply.is_complete = True
        match plan.dialect:
            case "chat":
                reply.text = value["choices"][0]["message"]["content"]
            case "responses":
                reply.text = "".join(part["text"] for item in value["output"] for part in item["content"])
            case "messages":
                reply.text = "".join(part["text"] for part in value["content"])
            case _:
                reply.text = value["message"]["content"]
    return reply
