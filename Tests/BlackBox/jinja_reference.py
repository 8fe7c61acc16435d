"""Chat templates rendered by Python's jinja2, set up as the templates' authors expect it: an independent reference."""

import datetime
import json

import jinja2.ext
from jinja2.sandbox import SandboxedEnvironment


class Refused(Exception):
    """The template raised an exception of its own."""


def raise_exception(message):
    raise Refused(message)


def to_json(value, ensure_ascii=False, indent=None, separators=None, sort_keys=False):
    return json.dumps(value, ensure_ascii=ensure_ascii, indent=indent, separators=separators, sort_keys=sort_keys, default=list)


class Generation(jinja2.ext.Extension):
    """`{% generation %}` marks an assistant's words for training; it writes nothing."""

    tags = {"generation"}

    def parse(self, parser):
        next(parser.stream)
        return parser.parse_statements(["name:endgeneration"], drop_needle=True)


def make_environment():
    environment = SandboxedEnvironment(trim_blocks=True, lstrip_blocks=True, extensions=[Generation, jinja2.ext.loopcontrols])
    environment.filters["tojson"] = to_json
    environment.globals["raise_exception"] = raise_exception
    environment.globals["strftime_now"] = lambda format: datetime.datetime.now().strftime(format)
    return environment


ENVIRONMENT = make_environment()


def prepared(messages, *, typed: bool, objects: bool, keep_developer: bool) -> list:
    """Messages as a template may want them: contents as strings or as parts, arguments as text or as objects."""
    result = []
    for message in messages:
        message = json.loads(json.dumps(message))
        if message["role"] == "developer" and not keep_developer:
            message["role"] = "system"
        content = message.get("content")
        if isinstance(content, list):
            content = "\n".join(part["text"] for part in content)
        content = content or ""
        message["content"] = [{"type": "text", "text": content}] if typed and content else content
        for call in message.get("tool_calls", []):
            if objects:
                call["function"]["arguments"] = json.loads(call["function"]["arguments"])
        result.append(message)
    return result


def merged_system(messages) -> list:
    """For templates that know no system: its text goes before the first message."""
    if messages[0]["role"] not in ("system", "developer") or len(messages) < 2:
        return messages
    first = {**messages[1], "content": f"{messages[0]['content']}\n{messages[1]['content']}"}
    return [first, *messages[2:]]


def renderings(source: str, messages: list, tools: list | None, **variables) -> dict:
    """What the template makes of every way to prepare the messages: text by description, without those that fail."""
    template = ENVIRONMENT.from_string(source)
    now = datetime.datetime.now()
    defaults = {"enable_thinking": True, "datetime": now.strftime("%b %d %Y"), "date_string": now.strftime("%d %b %Y")}
    results = {}
    for merged in (False, True):
        for typed in (False, True):
            for objects in (True, False):
                for keep_developer in (False, True):
                    try:
                        ready = prepared(merged_system(messages) if merged else messages, typed=typed, objects=objects, keep_developer=keep_developer)
                        extra = {} if tools is None else {"tools": tools}
                        text = template.render(messages=ready, add_generation_prompt=True, **extra, **defaults, **variables)
                        results[f"merged={merged} typed={typed} objects={objects} developer={keep_developer}"] = text
                    except Exception:  # whatever a template does with what it does not expect
                        continue
    return results
