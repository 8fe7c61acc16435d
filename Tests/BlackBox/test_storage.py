"""Storage: owners, limits, durability, and failures of the disk or the file."""

import http.client
import itertools
import json
import os
import resource
import shutil
import sqlite3
import subprocess
import sys
import threading
import time

import openai
import pytest
from openai import OpenAI

import raw
from responses import assert_complete, checked, create, output_text, parse, respond
from server import MODEL, Server, make_home, run

LARGE = "word " * 4000


@pytest.fixture
def own(tmp_path):
    """A separate home, so that tests do not share stored objects."""
    return make_home(tmp_path)


def database(home):
    return home / "data/storage/shimmy.sqlite"


def converse(server, text="Hello!", **headers):
    """Creates a conversation with one message, as a stored object that needs no tokens."""
    return server.request("POST", "/v1/conversations", {"items": [{"role": "user", "content": text}]}, headers)


def kept(server, conversation: str) -> bool:
    return server.request("GET", f"/v1/conversations/{conversation}/items").status == 200


def test_a_key_sees_its_own_objects_only(own):
    ann, bob = {"Authorization": "Bearer ann's key"}, {"Authorization": "Bearer bob's key"}
    paths = []
    with Server(own, "--api-key", "ann's key", "--api-key", "bob's key") as server:
        body = {"model": MODEL, "messages": [{"role": "user", "content": "Hi"}], "max_tokens": 2, "store": True}
        chat = server.request("POST", "/v1/chat/completions", body, ann).json["id"]
        conversation = converse(server, **ann).json["id"]
        item = server.request("GET", f"/v1/conversations/{conversation}/items", headers=ann).json["first_id"]
        paths = [f"/v1/chat/completions/{chat}", f"/v1/chat/completions/{chat}/messages", f"/v1/conversations/{conversation}"]
        paths += [f"/v1/conversations/{conversation}/items", f"/v1/conversations/{conversation}/items/{item}"]
        for path in paths:
            assert server.request("GET", path, headers=ann).status == 200
            server.request("GET", path, headers=bob).assert_error(404, None, None)
        for path in paths[::2]:
            server.request("DELETE", path, headers=bob).assert_error(404, None, None)
        server.request("POST", paths[0], {"metadata": {}}, bob).assert_error(404, None, None)
        server.request("POST", paths[2], {"metadata": {}}, bob).assert_error(404, None, None)
        server.request("POST", paths[3], {"items": [{"role": "user", "content": "x"}]}, bob).assert_error(404, None, None)
        reference = {"items": [{"type": "item_reference", "id": item}]}
        server.request("POST", "/v1/conversations", reference, bob).assert_error(404, "items[0].id", None)
        assert server.request("GET", "/v1/chat/completions", headers=bob).json["data"] == []
    # With the keys in another order, and one more, all owners still have their objects.
    with Server(own, "--api-key", "new", "--api-key", "bob's key", "--api-key", "ann's key") as server:
        for path in paths:
            assert server.request("GET", path, headers=ann).status == 200
            server.request("GET", path, headers=bob).assert_error(404, None, None)
    assert not any(b"ann's key" in file.read_bytes() for file in database(own).parent.iterdir())


def test_nothing_is_kept_where_nothing_may_be(own):
    with Server(own, "--no-store") as server:
        server.chat(store=True).assert_error(400, "store", "unsupported_parameter")
        assert server.chat(store=False).status == server.chat().status == 200
        for method, path in [("GET", "/chat/completions"), ("GET", "/chat/completions/x"), ("POST", "/conversations"), ("GET", "/conversations/x")]:
            server.request(method, "/v1" + path).assert_error(400, None, "storage_disabled")
    with Server(own, SHIMMY_NO_STORE="1") as server:
        converse(server).assert_error(400, None, "storage_disabled")
    assert not database(own).parent.exists()


def test_what_was_acknowledged_survives_a_kill(own):
    acknowledged, others = [], []

    def write(server):
        try:
            while True:
                conversation = converse(server).json["id"]
                acknowledged.append((conversation, 1))
                items = {"items": [{"role": "user", "content": f"{number}"} for number in range(20)]}
                assert server.request("POST", f"/v1/conversations/{conversation}/items", items).status == 200
                acknowledged.append((conversation, 21))
        except (OSError, http.client.HTTPException):
            pass  # the server has been killed
        except BaseException as error:
            others.append(error)
            raise

    with Server(own) as server:
        writers = [threading.Thread(target=write, args=[server]) for _ in range(8)]
        for writer in writers:
            writer.start()
        while len(acknowledged) < 400:
            time.sleep(0.01)
        server.process.kill()
        server.process.wait()
        for writer in writers:
            writer.join()
    assert run(own, "storage", "check").stdout == "ok\n"
    with Server(own) as server:
        for conversation, least in dict(acknowledged).items():
            items = server.request("GET", f"/v1/conversations/{conversation}/items?limit=100").json["data"]
            # Each request was stored completely or not at all.
            assert len(items) in {least, 21}
    assert len(dict(acknowledged)) > 100 and not others


def test_a_damaged_database_is_set_aside(own):
    with Server(own) as server:
        lost = converse(server).json["id"]
    # SQLite would restore the content from the journal.
    for suffix in ("-wal", "-shm"):
        database(own).with_name(database(own).name + suffix).unlink(missing_ok=True)
    database(own).write_bytes(b"This is no database. " * 1000)
    assert run(own, "storage", "check").returncode == 1
    with Server(own) as server:
        assert not kept(server, lost)
        assert kept(server, converse(server).json["id"])
        assert "damaged" in server.log.read_text()
    [aside] = database(own).parent.glob("*.damaged-*")
    assert aside.read_bytes().startswith(b"This is no database.")
    assert json.loads(run(own, "storage", "show", "--json").stdout)["damaged_files"] == [aside.name]


def test_a_locked_database_is_told_and_the_rest_goes_on(own):
    with Server(own) as server, OpenAI(base_url=server.url + "/v1", api_key="unused", max_retries=0, timeout=60) as client:
        conversation = converse(server).json["id"]
        other = sqlite3.connect(database(own), isolation_level=None)
        messages = [{"role": "user", "content": "Say hello."}]
        stream = client.chat.completions.create(model=MODEL, messages=messages, max_tokens=200, store=True, stream=True, extra_body={"ignore_eos": True})
        next(stream)
        other.execute("BEGIN EXCLUSIVE")
        # A failure to store the response is reported instead of its final event.
        with pytest.raises(openai.APIError, match="locked"):
            list(stream)
        assert converse(server).assert_error(503, None, "storage_locked", "server_error")
        assert server.chat().status == 200
        assert kept(server, conversation)
        other.execute("COMMIT")
        other.close()
        assert kept(server, converse(server).json["id"])
        assert server.chat(store=True).status == 200


def test_responses_that_cannot_be_kept_have_an_end(own):
    """Their final state is available while the storage fails, and is the same when it works again and after a restart."""
    long = {"input": "Count.", "max_output_tokens": 4000, "ignore_eos": True, "background": True}
    with Server(own) as server:
        look = lambda id: server.request("GET", "/v1/responses/" + id)
        jobs = [respond(server, **long)["id"] for _ in range(8)]
        waiting = respond(server, "Say hello.", background=True)["id"]
        for id in jobs:
            server.wait_for(lambda _: look(id).json["status"] == "in_progress", "the beginning")
        with raw.Connection(server.port) as connection:
            body = {"model": MODEL, "input": "Say hello.", "max_output_tokens": 200, "ignore_eos": True, "stream": True}
            connection.send(connection.request("POST", "/v1/responses", json.dumps(body).encode()))
            connection.read_until(b"output_text.delta")
            other = sqlite3.connect(database(own), isolation_level=None)
            whole = []
            thread = threading.Thread(target=lambda: whole.append(create(server, "Say hello.", max_output_tokens=300, ignore_eos=True)))
            thread.start()
            server.wait_for(lambda engine: engine["running"] == 10, "the beginning of an answer that is not streamed")
            other.execute("BEGIN EXCLUSIVE")
            # Responses are stored by default. If that fails, the final event reports it, and the response cannot be retrieved.
            last = json.loads(connection.read_until(b"event: response.incomplete\ndata: ") and connection.read_until(b"\n"))["response"]
        assert last["store"] is False and last["status"] == "incomplete"
        thread.join()
        assert (whole[0].status, whole[0].json["store"], whole[0].headers["x-shimmy-not-stored"]) == (200, False, "storage_locked")
        look(last["id"]).assert_error(404, None, None)
        server.wait_for(lambda _: all(look(id).json["status"] == "failed" for id in jobs), "the end", 30)
        ends = [checked(look(id).json) for id in jobs]
        assert all("locked" in end["error"]["message"] and output_text(end) for end in ends)
        events = parse(look(jobs[0] + "?stream=true").body)
        assert events[-1]["response"] == ends[0]
        assert_complete(events)
        # Responses that could not start are still queued.
        assert look(waiting).json["status"] == "queued"
        other.execute("COMMIT")
        server.wait_for(lambda _: look(waiting).json["status"] in ("completed", "incomplete"), "the storage's return")
        stored = lambda: dict(other.execute("SELECT status, count(*) FROM record WHERE kind = 1 GROUP BY status"))
        server.wait_for(lambda _: stored().get("failed") == 8 and "in_progress" not in stored(), "keeping")
        other.close()
        assert [look(id).json for id in jobs] == ends
        assert parse(look(jobs[0] + "?stream=true").body) == events
        look(last["id"]).assert_error(404, None, None)
    with Server(own) as server:
        assert [server.request("GET", "/v1/responses/" + id).json for id in jobs] == ends


def test_a_full_disk_is_told_and_the_rest_goes_on(own):
    with Server(own) as server:
        first = converse(server).json["id"]
    # An inherited file size limit simulates a full disk.
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (500_000, hard))
    try:
        server = Server(own)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    with server:
        ids = []
        while (answer := converse(server, LARGE)).status == 200:
            ids.append(answer.json["id"])
            assert len(ids) < 100
        answer.assert_error(507, None, "storage_full", "server_error")
        assert server.chat().status == 200
        answer = server.request("POST", "/v1/responses", {"model": MODEL, "input": "=" * 20_000, "max_output_tokens": 4})
        assert (answer.status, answer.json["store"], answer.headers["x-shimmy-not-stored"]) == (200, False, "storage_full")
        server.chat(store=True, messages=[{"role": "user", "content": "=" * 1100}] * 24).assert_error(507, None, "storage_full", "server_error")
        assert all(kept(server, one) for one in [first, *ids])
    assert run(own, "storage", "check").stdout == "ok\n"
    with Server(own) as server:
        assert all(kept(server, one) for one in [first, *ids])
        assert kept(server, converse(server, LARGE).json["id"])


@pytest.fixture
def small_disk(own):
    """Mounts a small file system for the storage. Returns a function that fills it, and the file that it fills it with."""
    folder = database(own).parent
    folder.mkdir(parents=True)
    mount = ["mount", "-t", "tmpfs", "-o", "size=8m,mode=700", "tmpfs", str(folder)]
    may_mount = os.geteuid() == 0 and sys.platform == "linux" and shutil.which("mount") is not None
    if not may_mount or subprocess.run(mount, capture_output=True).returncode != 0:
        pytest.skip("needs the right to mount a file system")
    ballast = folder / "ballast"

    def fill():
        with open(ballast, "ab", buffering=0) as file:
            for block in (1 << 16, 1 << 12, 1):
                try:
                    while file.write(bytes(block)):
                        pass
                except OSError:
                    pass

    yield fill, ballast
    subprocess.run(["umount", "-l", str(folder)], capture_output=True)


def delete(server, conversation: str):
    return server.request("DELETE", f"/v1/conversations/{conversation}")


def test_deletions_go_on_when_the_disk_is_full(own, small_disk):
    fill, ballast = small_disk
    with Server(own) as server:
        ids = [converse(server, LARGE).json["id"] for _ in range(40)]
        fill()
        converse(server, LARGE).assert_error(507, None, "storage_full", "server_error")
        for one in ids[:5]:
            assert delete(server, one).status == 200
        assert not any(kept(server, one) for one in ids[:5])
        assert all(kept(server, one) for one in ids[5:])
        ballast.unlink()
        assert kept(server, converse(server, LARGE).json["id"])
        assert database(own).with_name("reserve").stat().st_size == 1 << 20
    fill()
    with Server(own) as server:
        assert all(kept(server, one) for one in ids[5:])
        # The end of the first server gave the pages of its deletions back.
        answers = iter(lambda: converse(server, LARGE), None)
        next(answer for answer in itertools.islice(answers, 50) if answer.status != 200).assert_error(507, None, "storage_full", "server_error")
        assert delete(server, ids[5]).status == 200
        assert not kept(server, ids[5]) and kept(server, ids[6])
    # The command needs to write, too.
    ballast.unlink()
    assert run(own, "storage", "check").stdout == "ok\n"


def test_a_start_on_a_full_disk_without_a_reserve_can_read(own, small_disk):
    fill, ballast = small_disk
    with Server(own) as server:
        ids = [converse(server, LARGE).json["id"] for _ in range(5)]
    database(own).with_name("reserve").unlink()
    fill()
    with Server(own) as server:
        assert all(kept(server, one) for one in ids)
        converse(server).assert_error(507, None, "storage_full", "server_error")
        delete(server, ids[0]).assert_error(507, None, "storage_full", "server_error")
        assert all(kept(server, one) for one in ids)
        assert server.chat().status == 200
        assert "can only be read" in server.log.read_text()
        ballast.unlink()
        server.wait_for(lambda _: converse(server).status == 200, "the disk's space")
        assert all(kept(server, one) for one in ids)
        assert delete(server, ids[0]).status == 200


def test_a_write_to_a_removed_database_is_not_acknowledged(own):
    with Server(own) as server:
        lost = converse(server).json["id"]
        shutil.rmtree(database(own).parent)
        converse(server).assert_error(503, None, "storage_unavailable", "server_error")
        assert "removed or replaced" in server.log.read_text()
        new = converse(server).json["id"]
        assert kept(server, new) and not kept(server, lost)
    with Server(own) as server:
        assert kept(server, new) and not kept(server, lost)


def test_a_directory_that_cannot_be_written_is_told_and_the_rest_goes_on(own):
    database(own).parent.write_text("a file where the directory should be")
    with Server(own) as server:
        converse(server).assert_error(503, None, "storage_unavailable", "server_error")
        server.chat(store=True).assert_error(503, None, "storage_unavailable", "server_error")
        assert server.chat().status == 200
        # By default a response is created even if it cannot be stored, and reports that. An explicit `store: true` gives an error.
        body = {"model": MODEL, "input": "Say hello.", "max_output_tokens": 4}
        answer = server.request("POST", "/v1/responses", body)
        assert answer.status == 200 and answer.json["store"] is False and answer.json["output"]
        assert answer.headers["x-shimmy-not-stored"] == "storage_unavailable"
        answer = server.request("POST", "/v1/responses", {**body, "stream": True})
        assert answer.headers["x-shimmy-not-stored"] == "storage_unavailable"
        events = answer.body.decode()
        assert "event: response.incomplete" in events and '"store":true' not in events
        server.request("POST", "/v1/responses", {**body, "store": True}).assert_error(503, None, "storage_unavailable", "server_error")
        server.request("POST", "/v1/responses", {**body, "background": True}).assert_error(503, None, "storage_unavailable", "server_error")
        database(own).parent.unlink()
        server.wait_for(lambda _: converse(server).status == 200, "the storage's return")
        assert "x-shimmy-not-stored" not in server.request("POST", "/v1/responses", body).headers
        assert "x-shimmy-not-stored" not in server.request("POST", "/v1/responses", {**body, "store": False}).headers


def test_the_oldest_goes_when_there_is_no_room(own):
    with Server(own, "--store-size", "1M") as server:
        ids = [converse(server, LARGE).json["id"] for _ in range(100)]
        # Pruning runs after the answer to a write; the next write waits for it.
        for _ in range(5):
            server.request("DELETE", "/v1/conversations/none").assert_error(404, None, None)
        still = [one for one in ids if kept(server, one)]
        assert still == ids[-len(still):] and 10 < len(still) < 60
        converse(server, "word " * 100_000).assert_error(507, None, "storage_full", "server_error")
    report = json.loads(run(own, "storage", "show", "--json").stdout)
    assert report["conversations"] == len(still) and report["used_bytes"] <= 1_000_000


def test_the_storage_is_shown_and_pruned(own):
    empty = json.loads(run(own, "storage", "show", "--json").stdout)
    assert empty["conversations"] == 0 and empty["oldest"] is None
    assert not database(own).parent.exists()
    with Server(own) as server:
        ids = [converse(server).json["id"] for _ in range(3)]
        assert server.chat(store=True).status == 200
        report = json.loads(run(own, "storage", "show", "--json").stdout)
        assert (report["conversations"], report["chat_completions"], report["items"]) == (3, 1, 4)
        assert report["path"] == str(database(own)) and report["oldest"] > 1_700_000_000 and report["used_bytes"] > 0
        assert "conversations" in run(own, "storage").stdout
        assert run(own, "storage", "prune", "--older-than", "1").stdout == "deleted 0\n"
        for wrong in ([], ["--all"], ["--all", "--yes", "--older-than", "1"], ["--older-than", "-1"]):
            assert run(own, "storage", "prune", *wrong).returncode == 64
        assert kept(server, ids[0])
        assert run(own, "storage", "prune", "--all", "--yes").stdout == "deleted 4\n"
        assert not any(kept(server, one) for one in ids)
        assert kept(server, converse(server).json["id"])
    assert run(own, "storage", "check").stdout == "ok\n"


def test_what_people_wrote_is_private_whatever_the_directory(tmp_path):
    """Stored files are private even in a directory that others may read, and with a permissive umask."""
    home = make_home(tmp_path / "home")
    folders = [home / "data/storage", home / "prefixes"]
    for folder in folders:
        folder.mkdir(mode=0o755)
    umask = os.umask(0o022)
    try:
        with Server(home, "--prefix-cache-dir", str(folders[1])) as server:
            assert server.chat("Remember these words: " + "lasting " * 60, max_tokens=2, store=True).status == 200
            names = ["shimmy.sqlite", "shimmy.sqlite-wal", "shimmy.sqlite-shm", "lock", "reserve"]
            assert modes(folders[0]) == dict.fromkeys(names, 0o600)
        written = modes(folders[1])
        assert written and set(written.values()) == {0o600}
    finally:
        os.umask(umask)


def modes(folder) -> dict:
    return {path.name: path.stat().st_mode & 0o777 for path in folder.iterdir()}
