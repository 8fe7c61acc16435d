"""10,000 open connections beside 64 streams, of which some leave at random: failures, the slowest /health, and memory before and after.

    python3 bench/connections.py [--seconds N] [--connections N] [--streams N] [PROGRAM]
"""

import argparse
import asyncio
import json
import random
import resource
import sys
import time
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(REPOSITORY / "scripts"))

import kernel_runs  # noqa: E402
import scenarios  # noqa: E402
from servers import Contender, Server  # noqa: E402

# The connections come from several addresses, as from several clients.
ADDRESSES = 16
CONNECTIONS, STREAMS, SECONDS = 10_000, 64, 120
# Of the streams, every third is left at a random moment.
LEAVES = 3
HEALTH_INTERVAL = 0.1
# How long memory may take to return after the last connection closed.
SETTLES = 30


class Clients:
    def __init__(self, server: Server, seed: int):
        self.server, self.random = server, random.Random(seed)
        self.failures, self.health, self.completed, self.left = [], [], 0, 0

    async def open(self, number: int, limit: int = 1 << 16):
        return await asyncio.open_connection("127.0.0.1", self.server.port, local_addr=(f"127.0.0.{1 + number % ADDRESSES}", 0), limit=limit)

    async def idle(self, count: int) -> list:
        """Opens connections that send one request and stay."""
        writers = []
        for number in range(count):
            try:
                reader, writer = await self.open(number)
                writer.write(b"GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n")
                status = await asyncio.wait_for(reader.readline(), 30)
                if b" 200 " not in status:
                    self.failures.append(f"connection {number}: {status!r}")
                writers.append(writer)
            except (OSError, asyncio.TimeoutError) as error:
                self.failures.append(f"connection {number}: {error!r}")
        return writers

    async def stream(self, number: int):
        leaves = number % LEAVES == 0
        body = {
            "model": self.server.contender.model, "stream": True, "max_tokens": self.random.randint(8, 64),
            "messages": [{"role": "user", "content": scenarios.words(self.random.getrandbits(20), self.random.randint(5, 60))}],
        }
        data = json.dumps(body).encode()
        try:
            reader, writer = await self.open(number)
            head = f"POST /v1/chat/completions HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: {len(data)}\r\n\r\n"
            writer.write(head.encode() + data)
            if leaves:
                await asyncio.wait([asyncio.ensure_future(reader.read(1 << 20))], timeout=self.random.random())
                self.left += 1
            else:
                await asyncio.wait_for(reader.readuntil(b"data: [DONE]"), 300)
                self.completed += 1
            writer.close()
        except (OSError, asyncio.TimeoutError, asyncio.IncompleteReadError, asyncio.LimitOverrunError) as error:
            self.failures.append(f"stream {number}: {error!r}")

    async def streams(self, index: int, end: float):
        number = index
        while time.monotonic() < end:
            await self.stream(number)
            number += 64

    async def ask(self, end: float):
        while time.monotonic() < end:
            begin = time.perf_counter()
            try:
                reader, writer = await self.open(0)
                writer.write(b"GET /health HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
                await asyncio.wait_for(reader.read(), 30)
                writer.close()
            except (OSError, asyncio.TimeoutError) as error:
                self.failures.append(f"health: {error!r}")
            self.health.append(time.perf_counter() - begin)
            await asyncio.sleep(HEALTH_INTERVAL)


async def traffic(clients: Clients, connections: int, streams: int, seconds: float) -> int:
    """Returns the resident memory with all connections open, in bytes."""
    writers = await clients.idle(connections)
    end = time.monotonic() + seconds
    await asyncio.gather(clients.ask(end), *[clients.streams(index, end) for index in range(streams)])
    resident = clients.server.resident_bytes()
    for writer in writers:
        writer.close()
    return resident


def run(program: str, connections: int = CONNECTIONS, streams: int = STREAMS, seconds: float = SECONDS) -> dict:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    weights = kernel_runs.default_model()
    command = [program, "serve", "--port", "{port}", "--ctx-size", "8192", "--max-connections", str(connections + 1000), "--model", str(weights)]
    with Server(Contender("shimmy", command, weights.stem)) as server:
        server.wait_ready()
        scenarios.warm(server)
        # The engine's memory for many streams belongs to the beginning.
        first = Clients(server, 1)
        asyncio.run(traffic(first, 0, streams, 10))
        time.sleep(2)
        before = server.resident_bytes()
        clients = Clients(server, 2)
        peak = asyncio.run(traffic(clients, connections, streams, seconds))
        deadline = time.monotonic() + SETTLES
        after = server.resident_bytes()
        while after > before * 1.1 and time.monotonic() < deadline:
            time.sleep(1)
            after = server.resident_bytes()
    ordered = sorted(clients.health)
    return {
        "connections": connections, "streams": streams, "completed": clients.completed, "left": clients.left, "failures": clients.failures,
        "health": ordered[-1], "health p99": ordered[int(len(ordered) * 0.99)], "before": before, "peak": peak, "after": after,
    }


def table(result: dict) -> list[str]:
    memory = f"{result['before'] / 1e6:.0f}, {result['peak'] / 1e6:.0f}, {result['after'] / 1e6:.0f}"
    share = result["after"] / result["before"]
    return [
        f"| {result['connections']:,} open connections beside {result['streams']} streams, of which every {LEAVES}rd is left at random | | target |",
        "|---|---:|---|",
        f"| failures | {len(result['failures'])} | 0 ({'missed' if result['failures'] else 'met'}) |",
        f"| answers that were read to their end, and that were left | {result['completed']}, {result['left']} | – |",
        f"| slowest /health, and 99th percentile (ms) | {result['health'] * 1000:.0f}, {result['health p99'] * 1000:.0f} | – |",
        f"| resident memory before, during and after (MB) | {memory} | after ≤ 1.1 × before ({'met' if share <= 1.1 else 'missed'}) |",
    ]


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=SECONDS, help="the duration of the streams (default: 120)")
    parser.add_argument("--connections", type=int, default=CONNECTIONS)
    parser.add_argument("--streams", type=int, default=STREAMS)
    parser.add_argument("program", nargs="?", default=str(REPOSITORY / ".build/release/shimmy"))
    options = parser.parse_args()
    result = run(options.program, options.connections, options.streams, options.seconds)
    print(json.dumps({**result, "failures": result["failures"][:10], "failed": len(result["failures"])}, indent=2))
    sys.exit(bool(result["failures"]))
