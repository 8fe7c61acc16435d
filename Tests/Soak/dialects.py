"""Actions of the soak test in the other dialects of the server: Anthropic's, Ollama's and llama-server's, WebSockets, decisions, embeddings."""

import asyncio
import json

from client import SLOWEST, Socket, reason

EMBEDDER = "soak-embedder"
QUESTIONS = [
    {"type": "predicate", "instructions": "The text names a color."},
    {"type": "choice", "name": "topic", "instructions": "What is the text about?", "choices": [{"value": "a river"}, {"value": "a cloud"}, {"value": "a table"}]},
    {"type": "score", "instructions": "How long is the text?", "levels": [{"label": "short"}, {"label": "long"}]},
]


class Dialects:
    """Part of the actions of clients. The class that inherits it has a client, books and a source of random numbers."""

    async def messages(self):
        body = self.body()
        if self.source.random() < 0.5:
            status, value = await self.client.ask("POST", "/v1/messages", body)
            if status == 200 and not value["stop_reason"]:
                self.books.fault("a message without a reason for its end")
            return
        events = await self.client.events("/v1/messages", {**body, "stream": True})
        if events and events[-1]["type"] not in ("message_stop", "error"):
            self.books.fault(f"a message's stream that ended with {events[-1]}")

    async def ollama(self):
        body = self.body()
        stream = self.source.random() < 0.5
        lines = await self.client.lines("/api/chat", {
            "model": body["model"], "messages": body["messages"], "stream": stream, "options": {"num_predict": body["max_tokens"]}})
        values = [json.loads(line) for line in lines if line]
        if values and not (values[-1].get("done") or reason(values[-1])):
            self.books.fault(f"an answer of /api/chat that ended with {values[-1]}")

    async def completion(self):
        body = {"model": self.source.choice(self.models), "prompt": self.text(), "n_predict": self.source.choice([1, 8, 24])}
        if self.source.random() < 0.5:
            status, value = await self.client.ask("POST", "/completion", body)
            if status == 200 and not value["stop"]:
                self.books.fault("a completion without an end")
            return
        events = await self.client.events("/completion", {**body, "stream": True})
        if events and not (events[-1].get("stop") or reason(events[-1])):
            self.books.fault(f"a completion's stream that ended with {events[-1]}")

    async def socket(self):
        """Requests responses over a WebSocket, one after the other or two at a time, and leaves with or without reading them."""
        await asyncio.wait_for(self.respond_over_socket(), SLOWEST)

    async def respond_over_socket(self):
        async with Socket.open(self.client, "/v1/responses") as socket:
            if socket is None:
                return
            count = self.source.choice([1, 2])
            for _ in range(count):
                await socket.send({"type": "response.create", "model": self.source.choice(self.models), "input": self.text(), "max_output_tokens": 8, "store": False})
            if self.source.random() < 0.3:
                await socket.receive()
                return
            while count:
                event = await socket.receive()
                if event["type"] == "error":
                    self.check_error(event)
                if event["type"] in ("response.completed", "response.incomplete", "response.failed", "error"):
                    count -= 1

    def check_error(self, event):
        if not reason(event):
            self.books.fault(f"an error over a WebSocket without a reason: {event}")
        elif event.get("status", 0) >= 500 and event["status"] not in (503, 507):
            self.books.fault(f"an error over a WebSocket: {event}")

    async def decide(self):
        body = {"model": self.source.choice(self.models), "input": self.text(), "questions": QUESTIONS}
        status, value = await self.client.ask("POST", "/v1/decisions", body)
        if status == 200 and abs(sum(rated["probability"] for rated in value["answers"][1]["probabilities"]) - 1) > 1e-3:
            self.books.fault(f"probabilities that do not make one: {value['answers'][1]}")

    async def embed(self):
        """Sends texts to the embedding model. A chat model refuses them, which is only an error."""
        embeds = self.books.has_embedder and self.source.random() < 0.8
        body = {"model": EMBEDDER if embeds else self.source.choice(self.models), "input": [self.text(), self.text()]}
        status, value = await self.client.ask("POST", "/v1/embeddings", body, allowed=(200,) if embeds else (200, 400))
        if embeds and status == 200 and len({len(entry["embedding"]) for entry in value["data"]}) != 1:
            self.books.fault("vectors of different lengths")
        if embeds and status == 400:
            self.books.fault(f"the embedding model refuses texts: {reason(value)}")
