"""An independent reference for chat templates: Python's jinja2, configured as the templates' authors expect."""

import datetime
import json

import jinja2.ext
from jinja2.sandbox import SandboxedEnvironment


class Refused(Exception):
    """An exception that the template itself raised."""


def raise_exception(message):
    raise Refused(message)


def to_json(value, ensure_ascii=False, indent=None, separators=None, sort_keys=False):
    return json.dumps(value, ensure_ascii=ensure_ascii, indent=indent, separators=separators, sort_keys=sort_keys, default=list)


class Generation(jinja2.ext.Extension):
    """`{% generation %}` marks an assistant's text for training. It has no output of its own."""

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
    """Returns messages in a form that a template may expect: contents as strings or as parts, arguments as text or as objects."""
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
    """Returns the messages with the system text before the first message, for templates without a system role."""
    if messages[0]["role"] not in ("system", "developer") or len(messages) < 2:
        return messages
    first = {**messages[1], "content": f"{messages[0]['content']}\n{messages[1]['content']}"}
    return [first, *messages[2:]]


def renderings(source: str, messages: list, tools: list | None, **variables) -> dict:
    """Renders the messages in each form. Returns the texts by description, without the forms that fail."""
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
                    except Exception:  # a template may fail in any way on an unexpected form
                        continue
    return results
