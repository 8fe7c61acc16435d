#!/usr/bin/env python3
"""Mixed traffic against a real server for a long time, with kills and a full disk, and the books checked at the end.

    python3 Tests/Soak/soak.py [--seconds N] [--model FILE] [--embedder PATH] [--seed N] [--report FILE]

The server lives several lives. In each: it starts, everything that was acknowledged earlier is still there, traffic runs, the disk fills up for a
while, and when all is quiet no cell, descriptor or thread may be left over. Then it is killed (SIGKILL) or told to end (SIGTERM) under load. In every
third life the kernel ends the server if it takes more memory than its models' budget and 1 GiB.

Only the standard library is used. The report is a JSON object; the exit status is 1 when something is wrong.
"""

import argparse
import asyncio
import contextlib
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from client import SLOWEST, Broken, Client
from dialects import EMBEDDER, Dialects
from memory import MemoryLimit

REPOSITORY = Path(__file__).resolve().parent.parent.parent
BINARY = os.environ.get("SHIMMY_BINARY", str(REPOSITORY / ".build/release/shimmy"))
MODELS = ["soak-1", "soak-2", "soak-3"]
# Seconds until all requests have ended after the last one was sent.
QUIET = 120
# Seconds after which the threads of dispatch queues are gone. A busy queue uses a thread of a common pool, which ends after 5 idle seconds. The
# queues that can be busy at once are few, but more than `compare` allows for: those of the database (a writer and 5 readers), of prefixes on the
# disk, of folders and of signals. All other threads have fixed numbers: the event loops, the lanes of WorkerPool, and the threads of a model, which
# end with it.
RETIREMENT = 7
WORKERS = 6
TOOL = {"type": "function", "function": {"name": "weather", "parameters": {
    "type": "object", "properties": {"city": {"type": "string", "maxLength": 12}}, "required": ["city"], "additionalProperties": False}}}
SCHEMA = {"type": "object", "properties": {"n": {"type": "integer", "minimum": 0, "maximum": 99}}, "required": ["n"], "additionalProperties": False}
WORDS = "one two three river stone light table green seven cloud paper music".split()


class Books:
    """The record of events, and the resulting expectations."""

    def __init__(self):
        self.stored, self.deleted = {}, set()
        # Objects that an action is still reading and no other may delete.
        self.watched = set()
        # Objects that are acknowledged while the disk is full may be in memory only.
        self.uncertain = 0
        self.actions, self.statuses, self.faults, self.lives = {}, {}, [], []
        self.has_embedder = False
        # Connections may break while the server stops.
        self.is_ending = False

    def fault(self, what: str):
        if len(self.faults) < 100:
            self.faults.append(what)
        print(f"FAULT {what}", flush=True)

    def count(self, table: dict, key):
        table[str(key)] = table.get(str(key), 0) + 1


class Traffic(Dialects):
    """The actions of clients, which are chosen at random."""

    models = MODELS

    def __init__(self, client: Client, books: Books, source: random.Random, disk):
        self.client, self.books, self.source, self.disk = client, books, source, disk

    @property
    def actions(self):
        return [(6, self.chat), (6, self.stream), (4, self.leave), (2, self.tools), (2, self.schema), (2, self.tokenize), (4, self.respond), (2, self.background),
                (2, self.resume), (2, self.converse), (2, self.look), (1, self.forget), (1, self.unload), (1, self.mistake), (2, self.embed),
                (2, self.messages), (2, self.ollama), (2, self.completion), (2, self.socket), (1, self.decide)]

    def text(self):
        return " ".join(self.source.choice(WORDS) for _ in range(self.source.choice([3, 10, 60])))

    def body(self, **fields):
        return {"model": self.source.choice(MODELS), "messages": [{"role": "user", "content": self.text()}], "max_tokens": self.source.choice([1, 8, 24]), **fields}

    async def act(self):
        weights, actions = zip(*self.actions)
        action = self.source.choices(actions, weights)[0]
        self.books.count(self.books.actions, action.__name__)
        try:
            await action()
        except Broken as error:
            if not self.books.is_ending:
                self.books.fault(f"{action.__name__}: the connection broke: {error}")
        except (TimeoutError, asyncio.TimeoutError):
            self.books.fault(f"{action.__name__}: no answer in {SLOWEST} s")
        except (ValueError, KeyError, TypeError, IndexError) as error:
            self.books.fault(f"{action.__name__}: an answer that cannot be read: {error!r}")

    def keep(self, kind: str, identifier: str):
        if self.disk.is_full:
            self.books.uncertain += 1
        else:
            self.books.stored[identifier] = kind

    @contextlib.contextmanager
    def watching(self, kind: str, identifier: str):
        self.keep(kind, identifier)
        self.books.watched.add(identifier)
        try:
            yield
        finally:
            self.books.watched.discard(identifier)

    # Answers

    async def chat(self):
        status, value = await self.client.ask("POST", "/v1/chat/completions", self.body(n=self.source.choice([1, 1, 3])))
        if status == 200 and not value["choices"][0]["finish_reason"]:
            self.books.fault("a chat without a reason for its end")

    async def stream(self):
        events = await self.client.events("/v1/chat/completions", self.body(stream=True, stream_options={"include_usage": True}))
        if events and "error" not in events[-1] and not events[-1].get("usage"):
            self.books.fault(f"a stream that ended without its usage: {events[-1]}")

    async def leave(self):
        await self.client.send("POST", "/v1/chat/completions", self.body(stream=True, max_tokens=400), leave_after=self.source.choice([1, 500, 3000]))

    async def tools(self):
        choice = {"type": "function", "function": {"name": "weather"}}
        status, value = await self.client.ask("POST", "/v1/chat/completions", self.body(tools=[TOOL], tool_choice=choice, max_tokens=60))
        if status == 200 and value["choices"][0]["finish_reason"] != "length":
            json.loads(value["choices"][0]["message"]["tool_calls"][0]["function"]["arguments"])["city"]

    async def schema(self):
        form = {"type": "json_schema", "json_schema": {"name": "a", "schema": SCHEMA, "strict": True}}
        status, value = await self.client.ask("POST", "/v1/chat/completions", self.body(response_format=form, max_tokens=40))
        if status == 200 and value["choices"][0]["finish_reason"] == "stop" and not 0 <= json.loads(value["choices"][0]["message"]["content"])["n"] <= 99:
            self.books.fault("an answer that does not fit its schema")

    async def tokenize(self):
        await self.client.ask("POST", "/v1/tokenize", {"model": self.source.choice(MODELS), "prompt": self.text()})

    # Storage

    def response(self, **fields):
        return {"model": self.source.choice(MODELS), "input": self.text(), "max_output_tokens": 8, "store": True, **fields}

    async def respond(self):
        known = [name for name, kind in self.books.stored.items() if kind == "responses"]
        earlier = self.source.choice(known) if known and self.source.random() < 0.5 else None
        status, value = await self.client.ask("POST", "/v1/responses", self.response(previous_response_id=earlier))
        if status == 200 and value["store"] is not False and value["status"] in ("completed", "incomplete"):
            self.keep("responses", value["id"])

    async def background(self):
        status, value = await self.client.ask("POST", "/v1/responses", self.response(background=True))
        if status != 200:
            return
        identifier, deadline = value["id"], time.monotonic() + SLOWEST
        with self.watching("responses", identifier):
            await self.await_end(value, deadline)

    async def await_end(self, value, deadline):
        identifier = value["id"]
        if self.source.random() < 0.2:
            await self.client.ask("POST", f"/v1/responses/{identifier}/cancel", {})
        while value["status"] in ("queued", "in_progress"):
            if time.monotonic() > deadline:
                return self.books.fault(f"a response in the background has been {value['status']} for {SLOWEST} s")
            await asyncio.sleep(0.2)
            status, value = await self.client.ask("GET", f"/v1/responses/{identifier}")
            if status != 200:
                return self.books.fault(f"a response in the background is gone: {status}")

    async def resume(self):
        """Reads all events of a background response, and then the later part of them again."""
        events = await self.client.events("/v1/responses", self.response(background=True, stream=True))
        if not events or events[0].get("type") == "error":
            return
        # A stream that begins while its model loads cannot be refused: it fails with a response that says that it is not stored.
        if events[0]["response"]["store"] is False:
            if events[-1]["type"] != "response.failed":
                self.books.fault(f"a response in the background is not stored, and does not fail: {events[-1]}")
            return
        identifier = events[0]["response"]["id"]
        with self.watching("responses", identifier):
            await self.compare_with_resumed(identifier, events)

    async def compare_with_resumed(self, identifier, events):
        after = self.source.choice(events)["sequence_number"]
        path = f"/v1/responses/{identifier}?stream=true&starting_after={after}"
        later = await self.client.events(path, None)
        rest = [event for event in events if event["sequence_number"] > after]
        if [event["sequence_number"] for event in later] != [event["sequence_number"] for event in rest]:
            ends = [json.dumps(kind[-1])[:300] if kind else "nothing" for kind in (rest, later)]
            disk = "full" if self.disk.is_full else "free"
            status = (await self.client.send("GET", path))[0]
            self.books.fault(f"a resumed stream of {identifier} after {after} has {len(later)} events, not {len(rest)} (disk {disk}, now {status}): {ends}")

    async def converse(self):
        item = {"type": "message", "role": "user", "content": self.text()}
        status, value = await self.client.ask("POST", "/v1/conversations", {"items": [item]})
        if status != 200:
            return
        self.keep("conversations", value["id"])
        await self.client.ask("POST", "/v1/responses", self.response(conversation=value["id"]))

    async def forget(self):
        known = list(self.books.stored.keys() - self.books.watched)
        if not known:
            return
        identifier = self.source.choice(known)
        kind = self.books.stored.pop(identifier)
        status, _ = await self.client.ask("DELETE", f"/v1/{kind}/{identifier}", allowed=(200, 404, 409))
        if status == 200:
            self.books.deleted.add((kind, identifier))

    # Other actions

    async def look(self):
        for path in ("/health", "/v1/engine", "/v1/models"):
            status, value = await self.client.ask("GET", path)
            if path == "/v1/engine" and status == 200 and value["memory"]["used"] > value["memory"]["budget"]:
                self.books.fault(f"models take more than their budget: {value['memory']}")

    async def unload(self):
        await self.client.ask("POST", "/v1/models/unload", {"model": self.source.choice(MODELS)}, allowed=(200, 409))

    async def mistake(self):
        wrong = self.source.choice([{"messages": 5}, {"max_tokens": -2}, {"model": "none"}, {"tools": {}}, {"response_format": {"type": "json_schema"}}])
        status, _ = await self.client.ask("POST", "/v1/chat/completions", {**self.body(), **wrong}, allowed=())
        if not 400 <= status < 500 and status != 503:
            self.books.fault(f"{wrong} is answered with {status}")


class Life:
    """One server process, from its start to its end."""

    def __init__(self, home: Path, port: int, budget: int, books: Books, limit: MemoryLimit | None = None):
        self.home, self.port, self.books, self.limit = home, port, books, limit
        self.client = Client(port, books)
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("SHIMMY_", "HF_", "OLLAMA_", "XDG_"))}
        environment = {**kept, "HOME": str(home), "SHIMMY_DATA_DIR": str(home / "data"), "SHIMMY_CACHE_DIR": str(home / "cache"), "SWIFT_BACKTRACE": "enable=no",
                       "HF_HUB_OFFLINE": "1"}
        self.log = open(home / "server.log", "a")
        command = [BINARY, "serve", "--port", str(port), "--memory-budget", str(budget), "--ctx-size", "2048", "--keep-alive", "20s"]
        self.process = subprocess.Popen(command, env=environment, stdout=self.log, stderr=self.log, preexec_fn=limit.apply if limit else None)

    async def begin(self):
        deadline = time.monotonic() + 60
        while True:
            if self.process.poll() is not None:
                raise RuntimeError(f"the server ended with {self.process.returncode} at its start; see {self.home}/server.log")
            with contextlib.suppress(Broken, asyncio.TimeoutError):
                if (await self.client.send("GET", "/health"))[0] == 200:
                    return
            if time.monotonic() > deadline:
                raise RuntimeError("the server does not answer after its start")
            await asyncio.sleep(0.1)

    async def check_stored(self):
        """Checks that all acknowledged objects exist and that deleted ones do not."""
        for identifier, kind in list(self.books.stored.items()):
            status, _ = await self.client.ask("GET", f"/v1/{kind}/{identifier}", allowed=(200, 404))
            if status != 200:
                self.books.fault(f"{identifier} was stored and is answered with {status}")
                del self.books.stored[identifier]
        for kind, identifier in self.books.deleted:
            status, _ = await self.client.ask("GET", f"/v1/{kind}/{identifier}", allowed=(200, 404))
            if status != 404:
                self.books.fault(f"{identifier} was deleted and is answered with {status}")
        self.books.deleted.clear()

    async def quiet(self) -> dict:
        """Returns the process's resources when it is idle and no model is loaded."""
        deadline = time.monotonic() + QUIET
        while True:
            engine = (await self.client.ask("GET", "/v1/engine"))[1]
            busy = [model for model in engine["data"] if model.get("running") or model.get("waiting") or model["users"] or model["state"] != "loaded"]
            background = engine["server"]["background"]
            if not busy and engine["waiting"] == background["running"] == background["waiting"] == 0:
                break
            if time.monotonic() > deadline:
                self.books.fault(f"after {QUIET} s there is still something to do: {busy}, {background}")
                break
            await asyncio.sleep(0.2)
        for model in engine["data"]:
            if model.get("sequences"):
                self.books.fault(f"sequences are left over: {model}")
            await self.client.ask("POST", "/v1/models/unload", {"model": model["model"]}, allowed=(200, 409))
        engine = (await self.client.ask("GET", "/v1/engine"))[1]
        if engine["data"] or engine["memory"]["used"]:
            self.books.fault(f"memory is still booked when no model is loaded: {engine['memory']}")
        await asyncio.sleep(RETIREMENT)
        return self.holdings()

    def holdings(self) -> dict:
        process = Path(f"/proc/{self.process.pid}")
        if not process.exists():
            return {}
        status = dict(line.split(":", 1) for line in (process / "status").read_text().splitlines() if ":" in line)
        # The database keeps the max number of readers that were needed at the same time.
        files = [os.readlink(file) for file in (process / "fd").iterdir() if file.is_symlink()]
        descriptors = sum(".sqlite" not in file for file in files)
        names = {}
        for task in (process / "task").iterdir():
            with contextlib.suppress(OSError):
                name = (task / "comm").read_text().strip()
                names[name] = names.get(name, 0) + 1
        megabytes, peak = (int(status[name].split()[0]) // 1024 for name in ("VmRSS", "VmHWM"))
        return {"descriptors": descriptors, "threads": int(status["Threads"]), "megabytes": megabytes, "peak_megabytes": peak, "names": names}

    def compare(self, before: dict, after: dict):
        """Compares two resource snapshots. Small differences are allowed for caches and closing connections."""
        if not before or not after:
            return
        for name, room in (("descriptors", 5), ("threads", 4), ("megabytes", max(100, before["megabytes"] // 2))):
            if after[name] > before[name] + room:
                names = f": {before['names']} -> {after['names']}" if name == "threads" else ""
                self.books.fault(f"{name} grew from {before[name]} to {after[name]}{names}")

    async def end(self, number: int):
        self.books.is_ending = True
        self.process.send_signal(number)
        try:
            await asyncio.to_thread(self.process.wait, 90)
        except subprocess.TimeoutExpired:
            self.books.fault(f"the server did not end 90 s after signal {number}")
            self.process.kill()
            self.process.wait()
        if number == signal.SIGTERM and self.process.returncode != 0:
            self.books.fault(f"after SIGTERM the server ended with {self.process.returncode}")
        self.log.close()
        if self.limit:
            self.limit.close()


class Disk:
    """The file system of the storage: a separate one that can be filled, if this process is allowed to mount one."""

    def __init__(self, folder: Path, megabytes: int = 64):
        self.folder, self.ballast = folder, folder / "ballast"
        folder.mkdir(parents=True, exist_ok=True)
        self.is_own = os.geteuid() == 0 and sys.platform == "linux" and shutil.which("mount") is not None and subprocess.run(
            ["mount", "-t", "tmpfs", "-o", f"size={megabytes}m", "tmpfs", str(folder)], capture_output=True).returncode == 0
        self.is_full = False

    def fill(self):
        if self.is_own:
            self.is_full = True
            with contextlib.suppress(OSError), open(self.ballast, "wb", buffering=0) as file:
                while True:
                    file.write(bytes(1 << 16))

    def free(self):
        if self.is_own:
            self.ballast.unlink(missing_ok=True)
            self.is_full = False

    def close(self):
        if self.is_own:
            subprocess.run(["umount", "-l", str(self.folder)], capture_output=True)


async def traffic(life: Life, books: Books, source: random.Random, seconds: float, disk: Disk):
    until = time.monotonic() + seconds

    async def work(worker: Traffic):
        while time.monotonic() < until and life.process.poll() is None:
            await worker.act()

    workers = [Traffic(life.client, books, random.Random(source.random()), disk) for _ in range(WORKERS)]
    await asyncio.gather(*(work(worker) for worker in workers))
    if life.process.poll() is not None and not books.is_ending:
        books.fault(f"the server ended by itself with {life.process.returncode}")


async def live(number: int, home: Path, port: int, budget: int, seconds: float, books: Books, source: random.Random, disk: Disk):
    """Runs one server process from its start to its end."""
    limit = MemoryLimit(budget) if number % 3 == 1 else None
    life = Life(home, port, budget, books, limit)
    books.is_ending = False
    await life.begin()
    await life.check_stored()
    # Run each action once, so that lazily created resources exist.
    worker = Traffic(life.client, books, source, disk)
    for _, action in worker.actions:
        try:
            await action()
        except (Broken, asyncio.TimeoutError) as error:
            books.fault(f"{action.__name__} on a quiet server: {error!r}")
    before = await life.quiet()
    await traffic(life, books, source, seconds * 0.5, disk)
    if life.process.poll() is None:
        disk.fill()
        await traffic(life, books, source, seconds * 0.15, disk)
        disk.free()
        await traffic(life, books, source, seconds * 0.15, disk)
    after = {}
    if life.process.poll() is None:
        after = await life.quiet()
        life.compare(before, after)
        await life.check_stored()
        # Stop the server under load.
        last = asyncio.create_task(traffic(life, books, source, seconds * 0.2, disk))
        await asyncio.sleep(seconds * 0.1)
        await life.end(signal.SIGKILL if number % 2 == 0 else signal.SIGTERM)
        await last
    books.lives.append({
        "before": before, "after": after, "stored": len(books.stored),
        "limit": {"kind": limit.kind, "megabytes": limit.bytes >> 20} if limit else None})
    print(f"life {number}: {before} -> {after}, {sum(books.actions.values())} actions, {len(books.stored)} stored, {len(books.faults)} faults", flush=True)
    return life.process.returncode


def free_port() -> int:
    import socket

    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


async def soak(options) -> Books:
    books, source = Books(), random.Random(options.seed)
    with tempfile.TemporaryDirectory(prefix="shimmy-soak-") as folder:
        home = Path(folder)
        for name in MODELS:
            (home / "data/models").mkdir(parents=True, exist_ok=True)
            shutil.copyfile(options.model, home / f"data/models/{name}.gguf")
        if options.embedder:
            (home / "data/models" / f"{EMBEDDER}{options.embedder.suffix if options.embedder.is_file() else ''}").symlink_to(options.embedder.resolve())
            books.has_embedder = True
        disk = Disk(home / "data/storage")
        size = options.model.stat().st_size
        try:
            # The budget fits two of the chat models, but not three.
            budget, port = options.budget or int(size * 5.5) + (64 << 20), free_port()
            until, number = time.monotonic() + options.seconds, 0
            while number < 2 or time.monotonic() < until:
                left = max(20.0, until - time.monotonic())
                await live(number, home, port, budget, min(options.life, left), books, source, disk)
                number += 1
                if len(books.faults) >= 50:
                    break
            # Final check that all acknowledged objects exist.
            life = Life(home, port, budget, books)
            books.is_ending = False
            await life.begin()
            await life.check_stored()
            await life.end(signal.SIGTERM)
        finally:
            disk.close()
            if books.faults:
                shutil.copy(home / "server.log", options.report.with_suffix(".log"))
    books.own_disk = disk.is_own
    return books


def main():
    default = Path(os.environ.get("SHIMMY_TEST_MODEL", Path.home() / ".local/share/shimmy/models/SmolLM2-135M-Instruct.Q4_1.gguf"))
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=7200)
    parser.add_argument("--life", type=float, default=300, help="seconds of one life of the server")
    parser.add_argument("--model", type=Path, default=default)
    embedder = os.environ.get("SHIMMY_EMBEDDING_MODEL")
    parser.add_argument("--embedder", type=Path, default=Path(embedder) if embedder else None, help="an embedding model; none without it")
    parser.add_argument("--budget", type=int, help="bytes of memory for models; by default two of three fit")
    parser.add_argument("--seed", type=int, default=time.time_ns() % 10**9)
    parser.add_argument("--report", type=Path, default=Path("soak.json"))
    options = parser.parse_args()
    began = time.monotonic()
    books = asyncio.run(soak(options))
    report = {"seed": options.seed, "seconds": round(time.monotonic() - began), "disk_was_filled": books.own_disk, "actions": books.actions,
              "statuses": books.statuses, "stored": len(books.stored), "uncertain": books.uncertain, "lives": books.lives, "faults": books.faults}
    options.report.write_text(json.dumps(report, indent=2) + "\n")
    print(json.dumps({name: report[name] for name in ("seed", "seconds", "statuses", "stored")}), f"{len(books.faults)} faults, see {options.report}")
    sys.exit(1 if books.faults else 0)


if __name__ == "__main__":
    main()
