"""A running server as tests of changes see it: its log, its prompts, and streams that run meanwhile."""

import http.client
import json

from server import MODEL, Answer


def logged(server, text: str) -> int:
    return server.log.read_text().count(text)


def rendered(server, model, *messages) -> str:
    body = {"model": model, "messages": [{"role": role, "content": text} for role, text in messages]}
    answer = server.request("POST", "/v1/chat/completions/render", body)
    assert answer.status == 200, answer.body
    return answer.json["prompt"]


class Stream:
    """A running chat completion. `finish` reads its text to the end."""

    def __init__(self, server, **fields):
        self.connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=60)
        body = {
            "model": MODEL, "messages": [{"role": "user", "content": "Count."}], "stream": True, "temperature": 0, "max_tokens": 300,
            "ignore_eos": True, **fields,
        }
        self.connection.request("POST", "/v1/chat/completions", json.dumps(body), {"Content-Type": "application/json"})
        self.response = self.connection.getresponse()
        assert self.response.status == 200
        self.start = self.response.readline()

    def finish(self) -> list:
        answer = Answer(200, {"content-type": "text/event-stream"}, self.start + self.response.read())
        self.connection.close()
        return answer.events


def assert_whole(stream: Stream):
    events = stream.finish()
    assert events[-1] == "[DONE]"
    assert events[-2]["choices"][0]["finish_reason"] == "length"
