"""The scenarios. Each takes a newly started server and returns numbers by name. Lower is better unless the row states otherwise."""

import json
import socket
import statistics
import threading
import time
from concurrent.futures import ThreadPoolExecutor

from servers import Server

WORDS = "harbour lantern copper meadow whisper granite violet engine orchard signal velvet compass thunder paper ribbon candle".split()


def words(salt: int, count: int) -> str:
    """Returns a text whose prefix is unique to `salt`, so that no cache helps."""
    return f"Text {salt}: " + " ".join(WORDS[(index * 7 + salt * 3 + index // 5) % len(WORDS)] for index in range(count))


def percentile(values: list[float], share: float) -> float:
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]


def start(server: Server, salt: int) -> dict:
    """Time from the start of the program to the first answer, and the speed of a single stream."""
    result = {"listening": server.wait_listening(), "ready": server.wait_ready(), "idle": server.resident_bytes()}
    first = server.stream(words(salt + 100, 20), 8)
    result["first_answer"] = first.moments[0] - server.started
    server.stream(words(salt + 200, 20), 32)
    result["first_token"] = statistics.median(server.stream(words(salt + 300 + 10 * index, 200), 8).first_token for index in range(3))
    stories = ["Write a long story with these words: " + words(salt + 400 + 10 * index, 20) for index in range(4)]
    result["tokens_per_second"] = statistics.median(server.stream(story, 128).tokens_per_second for story in stories)
    result["loaded"] = server.resident_bytes()
    return result


def warm(server: Server):
    server.wait_ready()
    server.stream("Say hello.", 8)


def distinct(server: Server, salt: int, clients: int) -> dict:
    """Many concurrent streams with different prompts."""
    warm(server)
    requests = [{"prompt": "Write a long story with these words: " + words(salt * 100 + client, 40), "tokens": 64} for client in range(clients)]
    begin = time.perf_counter()
    streams = server.streams(requests)
    seconds = time.perf_counter() - begin
    return {
        "throughput": sum(stream.tokens for stream in streams) / seconds,
        "first_token_p95": percentile([stream.first_token for stream in streams], 0.95),
    }


def embeddings(server: Server, salt: int) -> dict:
    """256 short texts from 8 clients, 8 in each request."""
    server.wait_ready()
    texts = [words(salt * 1000 + number, 12 + number % 20) for number in range(256)]
    server.embed(texts[:8])
    batches = [texts[start : start + 8] for start in range(0, len(texts), 8)]
    seconds = []
    for _ in range(3):
        begin = time.perf_counter()
        with ThreadPoolExecutor(8) as clients:
            counts = list(clients.map(server.embed, batches))
        seconds.append(time.perf_counter() - begin)
    assert sum(counts) == len(texts)
    return {"throughput": len(texts) / min(seconds)}


def distinct8(server: Server, salt: int) -> dict:
    return distinct(server, salt, 8)


def distinct32(server: Server, salt: int) -> dict:
    return distinct(server, salt, 32)


def agents(server: Server, salt: int) -> dict:
    """Eight agents with a long system prompt that is already cached."""
    warm(server)
    system = words(salt, 700)
    server.stream("Who are you?", 8, system=system)
    requests = [{"prompt": f"Question {client}: what comes next?", "tokens": 16, "system": system} for client in range(8)]
    return {"first_token": statistics.mean(stream.first_token for stream in server.streams(requests))}


def intruder(server: Server, salt: int) -> dict:
    """A long prompt that arrives while another client's stream runs."""
    warm(server)
    arrived, result = threading.Event(), {}

    def running():
        result["stream"] = server.stream(
            "Write a very long story with these words: " + words(salt, 20), 1500, on_text=lambda count: count == 20 and arrived.set(), ignore_eos=True
        )

    thread = threading.Thread(target=running)
    thread.start()
    assert arrived.wait(120)
    long = server.stream(words(salt + 50, 1100), 4)
    thread.join()
    assert result["stream"].moments[-1] > long.moments[0], "the stream was over before the long prompt was read"
    return {"gap": result["stream"].longest_gap(long.begin, long.moments[0]), "first_token": long.first_token}


EDIT = """Change the word harbour to port in the following text and repeat everything else word for word:

The old harbour lies north of the town. Every morning, the boats return with herring, mackerel, and cod, and the women who wait on the quay
sort the catch into wooden boxes. At noon, the bell rings from the customs house. The clerk counts the boxes, writes the number into his book,
and sends the carts up the hill to the market. In the evening, the nets are hung over the wall to dry, and the children play between them until
the lamps are lit. At night, the lighthouse keeper climbs the stairs, trims the wick, and looks out over the dark water. When the fog comes, he
sounds the horn every two minutes, and the ships answer from far away.
""".replace("\n", " ")


def edit(server: Server, salt: int) -> dict:
    """An answer that repeats the prompt."""
    warm(server)
    stream = server.stream(f"{salt}. " + EDIT, 160)
    return {"tokens_per_second": stream.tokens / (stream.end - stream.moments[0])}


def choices(server: Server, salt: int) -> dict:
    """Four answers to one long prompt."""
    warm(server)
    return {"seconds": server.stream(words(salt, 700), 32, n=4, temperature=0.8).seconds}


RECORD = {
    "type": "object",
    "properties": {
        "name": {"type": "string", "maxLength": 24},
        "age": {"type": "integer", "minimum": 0, "maximum": 120},
        "city": {"type": "string", "enum": ["Berlin", "Paris", "London", "Lisbon"]},
        "email": {"type": "string", "maxLength": 24},
        "active": {"type": "boolean"},
        "occupation": {"type": "string", "enum": ["engineer", "teacher", "doctor", "gardener"]},
        "languages": {"type": "array", "items": {"type": "string", "enum": ["English", "French", "German"]}, "minItems": 2, "maxItems": 2},
        "score": {"type": "integer", "minimum": 1, "maximum": 100},
    },
    "required": ["name", "age", "city", "email", "active", "occupation", "languages", "score"],
    "additionalProperties": False,
}


def records(server: Server, salt: int, clients: int) -> dict:
    """JSON records with a schema: the time of several rounds, per record of each client."""
    warm(server)
    form = {"type": "json_schema", "json_schema": {"name": "record", "strict": True, "schema": RECORD}}
    rounds = 4 if clients > 1 else 12
    server.stream("Invent a person.", 200, response_format=form)
    begin = time.perf_counter()
    for number in range(rounds):
        requests = [
            {"prompt": f"Invent person {salt}-{number}-{client}, who likes {WORDS[(number * 3 + client) % len(WORDS)]}.", "tokens": 200, "response_format": form}
            for client in range(clients)
        ]
        for stream in server.streams(requests):
            record = json.loads(stream.text)
            assert list(record) == RECORD["required"] and record["city"] in RECORD["properties"]["city"]["enum"], stream.text
    return {"seconds": (time.perf_counter() - begin) / rounds}


def records1(server: Server, salt: int) -> dict:
    return records(server, salt, 1)


def records8(server: Server, salt: int) -> dict:
    return records(server, salt, 8)


def idle_connections(server: Server, salt: int) -> dict:
    """Two thousand idle connections: the time of one active client, divided by its time without them."""
    warm(server)

    def work(number: int) -> float:
        return statistics.median(server.stream(words(salt + number * 10 + index, 10), 16).seconds for index in range(5))

    work(1)
    alone = work(2)
    held = [socket.create_connection(("127.0.0.1", server.port)) for _ in range(2000)]
    if server.contender.name == "shimmy":
        # Each connection has received an answer and is kept alive. The peer needs a thread for each such connection and would not answer other
        # clients, so its connections have not sent a request.
        for connection in held:
            connection.sendall(b"GET /health HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
            assert connection.recv(65536).startswith(b"HTTP/1.1 200")
    beside = work(3)
    for connection in held:
        connection.close()
    return {"ratio": beside / alone, "seconds": beside}


def growth_streams(server: Server, salt: int) -> dict:
    """Tokens per second and memory, from 1 to 64 streams."""
    warm(server)
    result = {}
    for count in (1, 2, 4, 8, 16, 32, 64):
        requests = [{"prompt": words(salt * 1000 + count * 70 + client, 12), "tokens": 32} for client in range(count)]
        begin = time.perf_counter()
        streams = server.streams(requests)
        result[f"throughput {count}"] = sum(stream.tokens for stream in streams) / (time.perf_counter() - begin)
        result[f"memory {count}"] = server.resident_bytes()
    return result


def growth_prompt(server: Server, salt: int) -> dict:
    """Time to the first token for prompts of 100 to 8,000 words."""
    warm(server)
    return {f"first_token {count}": server.stream(words(salt * 10 + count, count), 2).first_token for count in (100, 500, 1000, 2000, 4000, 8000)}
