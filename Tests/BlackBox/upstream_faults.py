"""Many clients in front of replicas that fail in every way, die and come back.

    python3 upstream_faults.py [--requests N] [--seed N] [--clients N]

Each question has a number, which the replicas repeat in their answers. The checks: each request ends in time; its answer is right, or its error names
the upstream and the cause; no answer has parts of another one; no request is sent to another replica after its first event, or to one replica twice;
nothing is left over at the end. A request's faults depend only on `SEED:NUMBER`.
"""

import argparse
import http.client
import json
import os
import random
import re
import statistics
import sys
import tempfile
import threading
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

from fault_dialects import Reply, question, reply_of, request_of
from fault_proxy import Exchange, FaultProxy, Gone, answering, changed, cut, dripping, ended, late, stalled
from faulty_upstream import FaultyUpstream
from server import Server, wait_until

NAMES = ("alpha", "bravo", "delta")
# Seconds without a byte after which the front gives up, and the max seconds of a request with all its attempts.
LIMIT, SLOWEST = 3, 60
# The share of requests that get a random fault, and of those that leave early.
FAULTS, LEAVES = 0.25, 0.03
# The share of requests for the resets at each byte of a response.
RESETS = 0.25
# After so many requests, a replica dies or comes back.
PERIOD = 40
# The words of messages for each code, because not all dialects have codes.
CAUSES = {
    "upstream_failed": "status 500", "upstream_busy": "busy", "upstream_timeout": "time limit", "upstream_unreachable": "connection",
    "upstream_unreadable": "cannot be read|is not JSON|is not HTTP|check its address", "upstream_interrupted": "closed|was lost|ended",
}


def answer_text(replica: str, number: int) -> str:
    return f"Replica {replica} repeats number-{number:08d} and number-{number:08d} again."


def number_of(data: bytes) -> int:
    return int(re.search(rb"number-(\d{8})", data)[1])


@dataclass
class Fault:
    """A fault of a response, and the code of the error that it causes; None if the answer can be right."""

    name: str
    apply: object
    code: str | None
    # The number of bytes that pass before it; None if the front gets a whole answer or none.
    at: int | None = None


@dataclass
class Attempt:
    replica: str
    fault: Fault | None
    exchange: Exchange

    @property
    def was_killed(self) -> bool:
        return not self.exchange.is_alive

    @property
    def has_begun(self) -> bool:
        """Whether the front received a whole event."""
        return self.exchange.is_mark_read


@dataclass
class Plan:
    number: int
    dialect: str
    model: str
    streams: bool
    leaves: bool
    faults: list
    attempts: list = field(default_factory=list)
    # The replicas that read the request after the front had given it up.
    late: set = field(default_factory=set)


# The replicas


def twice(exchange: Exchange):
    """Sends a response twice over a connection that stays open, as if the second one answered the next request."""
    response = exchange.response()
    exchange.send(response + response)
    exchange.is_kept = True


class Replica:
    """An upstream behind a proxy that applies the faults of each request's plan."""

    def __init__(self, name: str, run: "Run"):
        self.name, self.run, self.deaths = name, run, 0
        # One of them closes each connection after its answer.
        self.upstream = FaultyUpstream("m", text=lambda body: answer_text(name, number_of(json.dumps(body).encode())), keeps=name != NAMES[-1])
        self.proxy = FaultProxy(self.upstream.port, fault=self.spoil)
        # The length of a response, and the position after its first event.
        self.length, self.first_event = 0, 0

    def table(self) -> str:
        limits = f"timeout = {LIMIT}\nfirst_byte_timeout = {LIMIT}\nconnect_timeout = {LIMIT}\nhealth_interval = 0.2\n"
        room = "max_concurrency = 6\n" if self.name == NAMES[0] else ""
        return f'[upstream."{self.name}"]\nurl = "{self.proxy.url}"\nkind = "openai"\n{limits}{room}'

    def spoil(self, exchange: Exchange):
        plan = self.run.plans.get(number_of(exchange.body))
        if plan is None:
            return self.measure(exchange)
        with self.run.lock:
            # A request that was received before a death, and is read after it, belongs to a process that is gone.
            if not exchange.is_alive:
                raise Gone
            # On a machine without time for this process, the front may have given up.
            if exchange.has_left():
                plan.late.add(self.name)
                raise Gone
            fault = plan.faults[len(plan.attempts)] if len(plan.attempts) < len(plan.faults) else None
            if fault is None or fault.code is None or (fault.at or 0) >= self.first_event:
                exchange.mark = self.first_event
            plan.attempts.append(Attempt(self.name, fault, exchange))
        (fault.apply if fault else Exchange.forward)(exchange)

    def measure(self, exchange: Exchange):
        response = exchange.response()
        self.length = len(response)
        self.first_event = response.index(b"\n\n", response.index(b"\r\n\r\n") + 4) + 2
        exchange.send(response)
        exchange.keep(response)

    def die(self):
        self.deaths += 1
        self.proxy.die()

    def close(self):
        self.proxy.__exit__()
        self.upstream.__exit__()


# The run


class Run:
    def __init__(self, server: Server, replicas: dict, requests: int, seed: int, clients: int):
        self.server, self.replicas, self.requests, self.seed, self.clients = server, replicas, requests, seed, clients
        self.lock = threading.Lock()
        self.source = random.Random(seed)
        self.problems, self.counts, self.memory = [], Counter(), []
        self.slowest = 0.0
        self.numbers = iter(range(requests))
        self.plans: dict[int, Plan] = {}

    def measure(self):
        for number, name in enumerate(self.replicas):
            answer = self.server.chat(question(99_000_000 + number), model=f"{name}/m")
            assert answer.status == 200, answer.body
        length = max(replica.length for replica in self.replicas.values())
        count = min(length, max(1, int(self.requests * RESETS)))
        self.resets = dict(zip(self.source.sample(range(self.requests), count), (index * length // count for index in range(count)), strict=True))

    # The plan of a request

    def plan(self, number: int) -> Plan:
        source = random.Random(f"{self.seed}:{number}")
        faults = []
        if number in self.resets:
            faults = [self.reset(self.resets[number])]
        elif source.random() < FAULTS:
            faults = [self.fault(source)]
            while len(faults) < len(NAMES) and source.random() < 0.3:
                faults.append(self.fault(source))
        dialect = source.choice(["chat", "chat", "responses", "messages", "ollama"])
        model = f"{source.choice(NAMES)}/m" if source.random() < 0.1 else "m"
        return Plan(number, dialect, model, source.random() < 0.6, source.random() < LEAVES, faults)

    def reset(self, at: int) -> Fault:
        return Fault(f"reset at byte {at}", cut(at), "upstream_interrupted", at)

    def fault(self, source: random.Random) -> Fault:
        length = min(replica.length for replica in self.replicas.values())
        at = source.randrange(length - 40)
        spoil = source.choice([
            lambda: Fault("status 500", answering("500 Internal Server Error"), "upstream_failed"),
            lambda: Fault("status 503", answering("503 Service Unavailable"), "upstream_busy"),
            lambda: Fault("a page", answering("200 OK", b"<html>", kind="text/html"), "upstream_unreadable"),
            lambda: Fault("no HTTP", changed(lambda _: b"SSH-2.0-OpenSSH_9.2\r\n"), "upstream_unreadable"),
            lambda: Fault("wrong JSON", changed(lambda response: response.replace(b'"choices"', b"'choices'", 1)), "upstream_unreadable"),
            lambda: Fault("no response", ended(0), "upstream_interrupted"),
            lambda: Fault(f"closed at byte {at}", ended(at), "upstream_interrupted", at),
            lambda: Fault(f"stalled at byte {at}", stalled(at), "upstream_timeout", at),
            lambda: Fault("late", late(source.uniform(0, 0.3)), None),
            lambda: Fault("in single bytes", dripping(1, 0), None),
            lambda: Fault("slow", dripping(64, 0.005), None),
            lambda: Fault("twice", twice, None),
        ])
        return spoil()

    # Clients

    def work(self):
        connection = None
        for number in self.next_numbers():
            plan = self.plans[number] = self.plan(number)
            begin = time.monotonic()
            try:
                connection = connection or http.client.HTTPConnection("127.0.0.1", self.server.port, timeout=SLOWEST)
                reply = self.ask(connection, plan)
                if reply is None:
                    self.counts["left"] += 1
                    connection = None
                else:
                    self.check(plan, reply)
            except Exception as error:  # A request without an end, or with an answer that cannot be read.
                self.problem(plan, f"{type(error).__name__}: {error}")
                connection = None
            seconds = time.monotonic() - begin
            self.slowest = max(self.slowest, seconds)
            if seconds > SLOWEST:
                self.problem(plan, f"it took {seconds:.0f} s")
        if connection:
            connection.close()

    def next_numbers(self):
        while True:
            with self.lock:
                number = next(self.numbers, None)
                if number is None or len(self.problems) >= 10:
                    return
                if number % PERIOD == PERIOD - 1:
                    self.change_replicas()
                if number % max(1, self.requests // 20) == 0:
                    self.memory.append(resident(self.server))
            yield number

    def change_replicas(self):
        """Brings a replica back, or lets one or two die."""
        dead = [replica for replica in self.replicas.values() if replica.proxy.listener is None]
        if dead and self.source.random() < 0.8:
            return self.source.choice(dead).proxy.listen()
        alive = [replica for replica in self.replicas.values() if replica not in dead]
        if len(alive) > 1:
            self.source.choice(alive).die()
            self.counts["deaths"] += 1

    def ask(self, connection: http.client.HTTPConnection, plan: Plan) -> Reply | None:
        """Sends a request and reads its answer. Returns None after leaving early."""
        path, body = request_of(plan)
        connection.request("POST", path, json.dumps(body), {"Content-Type": "application/json"})
        if plan.leaves and not plan.streams:
            connection.close()
            return None
        response = connection.getresponse()
        if plan.leaves:
            response.read(20)
            response.close()
            connection.close()
            return None
        return reply_of(plan, response.status, response.headers, response.read())

    # Checks

    def problem(self, plan: Plan, text: str, reply: Reply | None = None):
        attempts = ", ".join(f"{one.replica}: {one.fault.name if one.fault else 'no fault'}{', killed' * one.was_killed}" for one in plan.attempts)
        deaths = {name: replica.deaths for name, replica in self.replicas.items()}
        shown = f"{plan.dialect}{' stream' * plan.streams} to {plan.model}; attempts: {attempts or 'none'}; deaths: {deaths}"
        self.problems.append(f"{self.seed}:{plan.number}: {text}\n  {shown}\n  {reply}")

    def check(self, plan: Plan, reply: Reply):
        attempts = plan.attempts
        last = attempts[-1] if attempts else None
        names = [attempt.replica for attempt in attempts]
        if len(set(names)) != len(names):
            self.problem(plan, "it was sent to one replica twice", reply)
        for attempt in attempts[:-1]:
            # The bytes before a death may arrive together with the end, and are then no event for the front.
            if attempt.was_killed:
                continue
            if attempt.fault is None or attempt.fault.code is None:
                self.counts["timeouts of a busy machine"] += 1
            elif attempt.has_begun:
                self.problem(plan, "it was sent again after the first event", reply)
        if any(self.mixed(plan, reply)):
            self.problem(plan, "its answer has parts of another one", reply)
        if reply.message is None:
            self.counts["right"] += 1
            self.counts["right after a failover"] += len(attempts) > 1
            if not reply.is_complete or last is None or reply.text != answer_text(last.replica, plan.number):
                self.problem(plan, "its answer is wrong", reply)
            # A stream that starts while it waits for the first event does not know the upstream yet.
            elif reply.upstream != last.replica and not (plan.streams and reply.upstream is None):
                self.problem(plan, "its header names another upstream", reply)
            return
        self.counts[reply.code or f"error of {plan.dialect}"] += 1
        self.counts["errors after the first event"] += reply.status == 200
        self.check_error(plan, reply, last)

    def mixed(self, plan: Plan, reply: Reply):
        for found in re.findall(r"number-(\d{1,8})", reply.text + (reply.message or "")):
            yield not f"{plan.number:08d}".startswith(found)

    def check_error(self, plan: Plan, reply: Reply, last: Attempt | None):
        if last and not answer_text(last.replica, plan.number).startswith(reply.text):
            self.problem(plan, "the beginning of its answer is wrong", reply)
        asked = NAMES if plan.model == "m" else (plan.model.removesuffix("/m"),)
        if all(f"{name}: " in reply.message for name in asked) and not (last and last.has_begun):
            self.counts["errors that name each replica"] += 1
        elif plan.late or "time limit" in reply.message and not (last and last.fault and last.fault.code):
            self.counts["timeouts of a busy machine"] += 1
        elif last is None:
            # The connection was refused, or was closed when the request was sent.
            if plan.model == "m" or asked[0] not in reply.message or not self.replicas[asked[0]].deaths:
                self.problem(plan, "its error has no cause", reply)
        elif last.replica not in reply.message:
            self.problem(plan, "its error does not name the upstream", reply)
        elif len(asked) > 1 and not last.has_begun and not last.was_killed:
            self.problem(plan, "its error comes before the first event, but not from all replicas", reply)
        else:
            codes = {last.fault.code} if last.fault and last.fault.code else set()
            codes |= {"upstream_interrupted", "upstream_unreachable"} if last.was_killed else set()
            is_named = reply.code in codes if plan.dialect == "chat" else any(re.search(CAUSES[code], reply.message) for code in codes)
            if not is_named:
                self.problem(plan, f"its error has the wrong cause: expected is one of {sorted(codes)}", reply)

    # Leaks

    def settle(self):
        """Waits until no request runs and all connections to upstreams are closed."""
        for replica in self.replicas.values():
            if replica.proxy.listener is None:
                replica.proxy.listen()
        wait_until(self.is_idle, "the end of all requests")
        wait_until(lambda: not any(replica.proxy.busy for replica in self.replicas.values()), "the end of all requests at the upstreams")

    def is_idle(self) -> bool:
        states = self.server.request("GET", "/admin/upstreams").json["data"]
        return all(state["running"] == 0 and state["healthy"] for state in states)

    def descriptors(self) -> int:
        """Returns the number of descriptors without requests and idle connections."""
        self.settle()
        if any(len(replica.proxy.connections) > 2 * self.clients + 4 for replica in self.replicas.values()):
            self.problems.append("there are more open connections to an upstream than there were clients")
        folder = f"/proc/{self.server.process.pid}/fd"
        least = 1 << 30
        for _ in range(200):
            for replica in self.replicas.values():
                replica.proxy.close_idle()
            least = min(least, len(os.listdir(folder)))
            time.sleep(0.01)
        return least

    def check_memory(self):
        """Compares the memory of the last requests with that of the first ones after the beginning."""
        first, last = statistics.median(self.memory[4:9]), statistics.median(self.memory[-5:])
        if self.requests >= 2000 and last > first * 1.1 + (8 << 20):
            self.problems.append(f"the memory grew from {first >> 20} to {last >> 20} MB: {[value >> 20 for value in self.memory]}")

    def go(self) -> dict:
        self.measure()
        before = self.warmed()
        begin = time.monotonic()
        threads = [threading.Thread(target=self.work) for _ in range(self.clients)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        seconds = time.monotonic() - begin
        after = self.descriptors()
        if after > before + 2:
            self.problems.append(f"there are {after} descriptors; before the requests there were {before}")
        self.check_memory()
        if self.counts["timeouts of a busy machine"] > 0.02 * self.requests:
            self.problems.append("many requests time out without a fault")
        if self.server.process.poll() is not None:
            self.problems.append(f"the server ended with {self.server.process.returncode}:\n{self.server.log.read_text()[-3000:]}")
        return {
            "seed": self.seed, "requests": self.requests, "seconds": round(seconds, 1), "slowest": round(self.slowest, 1),
            "counts": dict(self.counts), "resets": len(self.resets), "descriptors": [before, after],
            "memory": [round(value / 1e6) for value in self.memory],
        }

    def warmed(self) -> int:
        """Sends requests without faults and returns the number of descriptors after them."""
        with ThreadPoolExecutor(self.clients) as pool:
            for answer in pool.map(lambda number: self.server.chat(question(98_000_000 + number), model="m"), range(4 * self.clients)):
                assert answer.status == 200, answer.body
        return self.descriptors()


def resident(server: Server) -> int:
    """Returns the bytes of memory of a server."""
    return int(re.search(r"VmRSS:\s+(\d+)", Path(f"/proc/{server.process.pid}/status").read_text())[1]) * 1024


class Problems(Exception):
    pass


def run(home: Path, requests: int, seed: int, clients: int = 16) -> dict:
    """Starts everything and sends the requests. Returns numbers. Raises `Problems` with the first ten problems."""
    replicas: dict[str, Replica] = {}
    run = Run(None, replicas, requests, seed, clients)
    replicas.update((name, Replica(name, run)) for name in NAMES)
    try:
        (home / "data/models").mkdir(parents=True)
        file = home / ".config/shimmy/shimmy.toml"
        file.parent.mkdir(parents=True)
        file.write_text("".join(replica.table() for replica in replicas.values()))
        with Server(home) as run.server:
            result = run.go()
    finally:
        for replica in replicas.values():
            replica.close()
    if run.problems:
        raise Problems("\n".join([*run.problems[:10], json.dumps(result)]))
    return result


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--requests", type=int, default=10_000)
    parser.add_argument("--seed", type=int, default=time.time_ns() % 10**6)
    parser.add_argument("--clients", type=int, default=16)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        try:
            print(json.dumps(run(Path(folder), options.requests, options.seed, options.clients)))
        except Problems as problems:
            sys.exit(str(problems))


if __name__ == "__main__":
    main()
