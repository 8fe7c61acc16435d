"""Replicas on other hosts, in network namespaces: a cut link drops packets, so that nothing is refused and no connection ends."""

import ctypes
import os
import shutil
import subprocess
import threading
import time

import pytest

from faulty_upstream import FaultyUpstream, chunk, stream
from server import Server, wait_until
from test_upstreams import faulty_table, front_home, upstreams

CLONE_NEWNET = 0x40000000
# Seconds after which the front gives up an attempt, and the max seconds of a request with two of them on a slow machine.
LIMIT, SLOWEST = 1, 20


def ip(*arguments: str) -> subprocess.CompletedProcess:
    return subprocess.run(["ip", *arguments], capture_output=True, text=True)


def change(*arguments: str):
    done = ip(*arguments)
    assert done.returncode == 0, f"ip {' '.join(arguments)}: {done.stderr}"


class Host:
    """A network namespace with one link to this one, which has the other end. The addresses are of the range for tests of networks."""

    def __init__(self, number: int):
        self.name, self.near, self.far = f"shimmy-{os.getpid()}-{number}", f"sh{os.getpid()}n{number}", f"sh{os.getpid()}f{number}"
        self.address, self.gateway = f"198.18.{number}.2", f"198.18.{number}.1"

    def begin(self):
        change("netns", "add", self.name)
        change("link", "add", self.near, "type", "veth", "peer", "name", self.far, "netns", self.name)
        change("addr", "add", f"{self.gateway}/30", "dev", self.near)
        change("-n", self.name, "addr", "add", f"{self.address}/30", "dev", self.far)
        change("link", "set", self.near, "up")
        self.connect()
        # Without a fixed neighbour, the kernel reports after three seconds that the host cannot be reached.
        hardware = ip("-n", self.name, "-o", "link", "show", self.far).stdout.split("link/ether ")[1].split()[0]
        change("neigh", "replace", self.address, "lladdr", hardware, "dev", self.near, "nud", "permanent")

    def connect(self):
        change("-n", self.name, "link", "set", self.far, "up")

    def cut(self):
        change("-n", self.name, "link", "set", self.far, "down")

    def end(self):
        ip("link", "del", self.near)
        ip("netns", "del", self.name)

    def upstream(self, *models: str) -> FaultyUpstream:
        """Starts an upstream in the namespace. Its sockets belong to the namespace of the thread that makes them."""
        made = []

        def make():
            libc = ctypes.CDLL(None, use_errno=True)
            with open(f"/run/netns/{self.name}") as namespace:
                if libc.setns(namespace.fileno(), CLONE_NEWNET) == 0:
                    made.append(FaultyUpstream(*models, address=self.address))

        thread = threading.Thread(target=make)
        thread.start()
        thread.join()
        assert made, f"there is no way into the namespace {self.name}"
        return made[0]


@pytest.fixture
def hosts():
    if os.geteuid() != 0 or shutil.which("ip") is None:
        pytest.skip("network namespaces need root and the command 'ip' (Debian: iproute2)")
    hosts = [Host(1), Host(2)]
    try:
        try:
            for host in hosts:
                host.begin()
        except AssertionError as error:
            pytest.skip(f"this machine has no network namespaces: {error}")
        yield hosts
    finally:
        for host in hosts:
            host.end()


def test_a_cut_link(tmp_path, hosts):
    first, second = hosts
    limits = {"timeout": LIMIT, "first_byte_timeout": LIMIT, "connect_timeout": LIMIT}
    with first.upstream("m") as one, second.upstream("m") as two:
        home = front_home(tmp_path, faulty_table(one, "one", **limits), faulty_table(two, "two", **limits))
        with Server(home) as server:
            for name in ("one", "two"):
                assert server.chat(model=f"{name}/m").headers["x-shimmy-upstream"] == name

            # A stream that has begun ends with an error that names the upstream.
            begun = threading.Event()

            def fault(handler):
                handler.send(chunk("m", {"role": "assistant", "content": "Hello"}))
                begun.set()
                wait_until(lambda: not begun.is_set(), "the cut")
                handler.wfile.write(stream("m"))

            one.fault = fault
            answers = []
            client = threading.Thread(target=lambda: answers.append(server.chat(model="one/m", stream=True)))
            client.start()
            assert begun.wait(30)
            first.cut()
            begun.clear()
            client.join(SLOWEST)
            [answer] = answers
            error = answer.events[-1]["error"]
            assert answer.status == 200 and error["code"] == "upstream_timeout" and "one" in error["message"]
            one.fault = None

            # The other replica answers.
            one.requests.clear()
            for _ in range(12):
                begin = time.monotonic()
                answer = server.chat(model="m")
                assert answer.status == 200 and answer.headers["x-shimmy-upstream"] == "two", answer.body
                assert time.monotonic() - begin < SLOWEST
            # After one failed check, the last replica is still asked.
            wait_until(lambda: server.chat(model="one/m").status == 503, "failed checks")
            message = server.chat(model="one/m").assert_error(503, None, "upstream_unavailable", "server_error")
            assert "one: " in message and "time" in message
            assert upstreams(server)["two"]["healthy"] is True and not one.requests

            # Both links cut: an error that names both.
            second.cut()
            message = server.chat(model="m").json["error"]["message"]
            assert "one: " in message and "two: " in message
            second.connect()
            wait_until(lambda: server.chat(model="m").status == 200, "an answer from the second replica")

            first.connect()
            wait_until(lambda: upstreams(server)["one"]["healthy"] is True, "the return of the first replica")
            assert server.chat(model="one/m").headers["x-shimmy-upstream"] == "one"
            wait_until(lambda: all(state["running"] == 0 for state in upstreams(server).values()), "the end of all requests")
