"""Streams of responses that a test lets the page read instead of the model's: tool calls, reasoning, hostile texts."""

import json


class Stream:
    """Builds the events of one response."""

    def __init__(self, name="resp_scripted"):
        self.name, self.events, self.items = name, [], []
        self._add("response.created", response={"id": name, "status": "in_progress", "output": []})

    def _add(self, kind, **fields):
        self.events.append({"type": kind, "sequence_number": len(self.events), **fields})

    def _item(self, kind, deltas, start, done):
        item = {"id": f"item_{self.name}_{len(self.items)}", **start}
        index = len(self.items)
        self._add("response.output_item.added", output_index=index, item=item)
        for delta in deltas:
            self._add(kind, output_index=index, item_id=item["id"], delta=delta)
        self.items.append({**item, **done})
        self._add("response.output_item.done", output_index=index, item=self.items[-1])
        return self

    def text(self, text, size=64):
        deltas = [text[start:start + size] for start in range(0, len(text), size)]
        return self._item("response.output_text.delta", deltas, {"type": "message", "role": "assistant", "content": []},
                          {"content": [{"type": "output_text", "text": text}]})

    def reasoning(self, text):
        return self._item("response.reasoning_text.delta", [text], {"type": "reasoning", "content": [], "summary": []}, {})

    def call(self, name, arguments, call="call_1"):
        return self._item("response.function_call_arguments.delta", [arguments],
                          {"type": "function_call", "name": name, "call_id": call, "arguments": ""}, {"arguments": arguments})

    def body(self, status="completed"):
        usage = {"input_tokens": 1000, "input_tokens_details": {"cached_tokens": 900}, "output_tokens": 20,
                 "output_tokens_details": {"reasoning_tokens": 5}, "total_tokens": 1020}
        self._add(f"response.{status}", response={"id": self.name, "status": status, "output": self.items, "usage": usage})
        return "".join(f"event: {event['type']}\ndata: {json.dumps(event)}\n\n" for event in self.events)


def scripted(page, *streams, requests=None):
    """Answers the page's requests for responses with streams in turn. The bodies of the requests go to `requests`."""
    waiting = list(streams)

    def answer(route):
        if requests is not None:
            requests.append(route.request.post_data_json)
        stream = waiting.pop(0) if len(waiting) > 1 else waiting[0]
        route.fulfill(status=200, content_type="text/event-stream", body=stream.body())

    page.route("**/v1/responses", answer)


MARKDOWN = """# Title

Some **bold**, *slanted* and `inline` text, a [link](https://example.org/page) and $x^2$.

```python
def twice(x):  # a comment
    return "text" * 2
```

| Name | Value |
|:-----|------:|
| one  | 1     |

- [x] done
- [ ] open
  1. inside

$$\\frac{1}{2} + \\sqrt{x}$$
"""

HOSTILE = "\n\n".join([
    "<script>window.hacked = 1</script><img src=x onerror=\"window.hacked = 1\"><iframe src=\"https://evil.example\"></iframe>",
    "[run](javascript:window.hacked=1) [data](data:text/html,<script>window.hacked=1</script>) ![pixel](https://evil.example/pixel.png)",
    "[https://bank.example](https://evil.example/login) <https://evil.example/\"onmouseover=window.hacked=1>",
    "\u202eoverridden \u2066 and " + "Z" + "\u0300" * 3000,
    "**bold " * 5000, "> " * 3000 + "deep", "- " * 2000 + "deep", "[" * 20000, "*_" * 20000, "\\(" * 20000, "x" + "`".join("`" * (count % 50) for count in range(3000)),
    "$$" + "{" * 3000 + "$$", "| a | b |\n|---|---|\n" + "| 1 | 2 |\n" * 20000, "x" * 300_000, "```html\n<script>window.hacked = 1</script>\n" + "<b " * 50000,
])
