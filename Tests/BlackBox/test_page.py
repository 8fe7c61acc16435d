"""The page for browsers, without a browser: its files, their sizes and their headers, and whose requests the server takes."""

import base64
import gzip
import hashlib
import json
import os
import re

import pytest

from raw import Connection
from server import MODEL, REPOSITORY

PAGE = REPOSITORY / "Page"
HTML = {"Accept": "text/html,application/xhtml+xml,*/*;q=0.8"}
# All files together, and those that the first view needs, in compressed bytes.
MOST, MOST_FIRST = 400_000, 60_000


@pytest.fixture(scope="module")
def document(server):
    answer = server.request("GET", "/", headers=HTML)
    assert (answer.status, answer.headers["content-type"]) == (200, "text/html; charset=utf-8")
    return answer


def fetch(server, path: str) -> tuple[int, str]:
    """Returns the compressed size of a file, and its text."""
    answer = server.request("GET", path, headers={"Accept-Encoding": "gzip"})
    assert (answer.status, answer.headers["content-encoding"]) == (200, "gzip"), path
    assert answer.headers["cache-control"] == "public, max-age=31536000, immutable"
    return len(answer.body), gzip.decompress(answer.body).decode()


def named(path: str, text: str) -> set[str]:
    """Returns the paths of the files that a script imports at once."""
    folder = path.rsplit("/", 1)[0]
    found = re.findall(r"""^(?:import|export)[^'"]*?['"](\.{1,2}/[^'"]+)['"]""", text, re.MULTILINE)
    return {resolved(folder, name) for name in found}


def later(path: str, text: str) -> set[str]:
    """Returns the paths that a script names by a whole text, for use after the start."""
    folder = path.rsplit("/", 1)[0]
    found = re.findall(r"""(?:import\(|new URL\()\s*['"]([\w./-]+)['"]\s*(?:\)|,\s*import\.meta\.url)""", text)
    return {resolved(folder, name) for name in found}


def resolved(folder: str, name: str) -> str:
    parts = folder.split("/")
    for part in name.split("/"):
        if part == "..":
            parts.pop()
        elif part != ".":
            parts.append(part)
    return "/".join(parts)


@pytest.fixture(scope="module")
def files(server, document) -> dict[str, tuple[int, str]]:
    """The files of the page by their path: their compressed sizes and their texts."""
    prefix = re.search(r'src="(page/[0-9a-f]{16}/)', document.body.decode()).group(1)
    names = [path.relative_to(PAGE).as_posix() for path in PAGE.rglob("*") if path.is_file() and path.name not in ("README.md", "index.html")]
    assert len(names) > 20
    return {f"{prefix}{name}": fetch(server, f"/{prefix}{name}") for name in names}


@pytest.fixture(scope="module")
def first(document, files) -> set[str]:
    """The paths of the files that the start of the page needs."""
    found, waiting = set(), re.findall(r'\b(?:src|href)="(page/[^"]+)"', document.body.decode())
    while waiting:
        path = waiting.pop()
        if path not in found:
            found.add(path)
            waiting += named(path, files[path][1]) if path.endswith(".js") else []
    assert len(found) > 5
    return found


def test_every_file_that_is_named_exists(files):
    for path, (_, text) in files.items():
        if path.endswith(".js"):
            assert named(path, text) | later(path, text) <= set(files), path
    views = next(path for path in files if path.endswith("/app/views.js"))
    names = re.findall(r'\bname: "([\w-]+)"', files[views][1])
    assert len(names) > 3
    assert {resolved(views.rsplit("/", 1)[0], f"views/{name}.js") for name in names} <= set(files)


def test_the_page_is_small(server, files, first):
    document = server.request("GET", "/", headers={**HTML, "Accept-Encoding": "gzip"})
    assert document.headers["content-encoding"] == "gzip"
    assert sum(size for size, _ in files.values()) + len(document.body) < MOST
    # The first view is that of chats, with the modules that it imports and its styles.
    needed = set(first)
    for path in files:
        if path.endswith(("/app/views/chat.js", "/style/chat.css", "/style/text.css")):
            needed.add(path)
    waiting = [path for path in needed if path.endswith(".js")]
    while waiting:
        path = waiting.pop()
        new = named(path, files[path][1]) - needed
        needed |= new
        waiting += new
    sizes = {path: files[path][0] for path in sorted(needed)}
    assert sum(sizes.values()) + len(document.body) < MOST_FIRST, sizes


def test_no_file_needs_what_the_policy_forbids(document, files):
    for path, text in {"": document.body.decode(), **{path: text for path, (_, text) in files.items() if path.endswith(".html")}}.items():
        assert not re.search(r"<style|\sstyle=|\son\w+=", text)
        assert "<script>" not in text or path.endswith("/app/sandbox.html")
    for path, (_, text) in files.items():
        if path.endswith(".js"):
            for forbidden in (".innerHTML", "insertAdjacentHTML(", "document.write(", "eval(", "new Function("):
                assert forbidden not in text, f"{path}: {forbidden}"


def outer_rules(text: str) -> list[str]:
    """Returns the selectors, and the conditions, of the rules of a style sheet that lie in no other rule."""
    found, depth, begin = [], 0, 0
    text = re.sub(r"/\*.*?\*/", "", text, flags=re.DOTALL)
    for index, letter in enumerate(text):
        if letter == "{":
            if depth == 0:
                found.append(text[begin:index].strip())
            depth += 1
        elif letter == "}":
            depth -= 1
            begin = index + 1
    assert depth == 0
    return found


@pytest.mark.parametrize("name", re.findall(r'\bname: "([\w-]+)"', (PAGE / "app/views.js").read_text()))
def test_the_styles_of_a_view_apply_to_it_alone(name):
    """They stay loaded when another view is opened, which can use the same classes."""
    rules = outer_rules((PAGE / f"style/{name}.css").read_text())
    assert rules and [rule for rule in rules for each in rule.split(",") if not re.match(rf"\s*(main)?\.view-{name}\b", each)] == []


def test_the_sandbox_has_its_own_policy(server, files):
    sandbox = next(path for path in files if path.endswith("/app/sandbox.html"))
    policy = server.request("GET", f"/{sandbox}").headers["content-security-policy"]
    assert "sandbox allow-scripts" in policy and "default-src 'none'" in policy and "frame-ancestors 'self'" in policy
    assert "allow-same-origin" not in policy and "connect-src" not in policy
    script = files[sandbox][1].partition("<script>")[2].partition("</script>")[0]
    assert f"script-src 'sha256-{base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()}' 'unsafe-eval';" in policy
    others = {path: server.request("HEAD", f"/{path}").headers["content-security-policy"] for path in files if path != sandbox}
    assert [path for path, policy in others.items() if "unsafe" in policy or "frame-ancestors 'none'" not in policy] == []


def test_clients_of_ollama_and_probes_keep_their_text(server):
    for headers in ({}, {"Accept": "*/*"}, {"Accept": "application/json"}):
        assert server.request("GET", "/", headers=headers).body == b"Shimmy is running"
    head = server.request("HEAD", "/", headers=HTML)
    assert (head.status, head.body, head.headers["content-type"]) == (200, b"", "text/html; charset=utf-8")


def test_the_page_can_be_turned_off(start, document):
    server = start("--no-ui")
    assert server.request("GET", "/", headers=HTML).body == b"Shimmy is running"
    path = "/" + re.search(r'src="(page/[^"]+)"', document.body.decode()).group(1)
    assert server.request("GET", path).status == 404
    assert server.request("GET", "/docs").status == 200


@pytest.mark.parametrize("origin, status", [("http://ui.example", 200), ("http://ui.example:81", 403), ("http://other.example", 403), ("null", 403)])
def test_the_page_may_use_the_server_under_its_own_name(start, origin, status):
    server = start("--allow-host", "ui.example")
    with Connection(server.port) as connection:
        connection.send(connection.request("POST", "/v1/models/rescan", b"{}", f"Origin: {origin}", host="ui.example"))
        assert connection.read_until(b"\r\n").startswith(f"HTTP/1.1 {status} ".encode())


# The last requests.


def test_the_last_requests_have_their_times(server):
    server.request("POST", "/v1/chat/completions", {"model": MODEL, "messages": [{"role": "user", "content": "Hi"}], "max_tokens": 3},
                   headers={"X-Request-ID": "watched-1"})
    record = server.request("GET", "/admin/requests/watched-1").json
    assert (record["model"], record["completion_tokens"], record["end"]) == (MODEL, 3, "length")
    assert [phase["name"] for phase in record["phases"]] == ["queue", "prefill", "decode"]
    assert 0 <= record["queue_ms"] <= record["first_ms"] <= record["answered_ms"] <= record["total_ms"]
    assert record["inspected"] is False and "body" not in record and "prompts" not in record
    assert any(each["id"] == "watched-1" for each in server.request("GET", "/admin/requests").json["data"])


@pytest.mark.parametrize("path, body", [
    ("/v1/chat/completions", {"messages": [{"role": "user", "content": "What is a plugh?"}]}),
    ("/v1/completions", {"prompt": "What is a plugh?"}),
])
def test_an_inspected_request_has_its_prompt(start, path, body):
    server = start("--inspect-requests", "--api-key", "secret")
    key = {"Authorization": "Bearer secret"}
    for name in ("one", "two"):
        sent = {"model": MODEL, "max_tokens": 3, "temperature": 0, **body}
        assert server.request("POST", path, sent, headers={**key, "X-Request-ID": name}).status == 200
    assert server.request("GET", "/admin/requests/two").status == 401
    record = server.request("GET", "/admin/requests/two", headers=key).json
    assert "plugh" in record["body"]["text"] and record["body"]["cut"] is False
    prompt = record["prompts"][0]
    assert "plugh" in prompt["text"] and "".join(prompt["pieces"]) == prompt["text"]
    assert len(prompt["pieces"]) == prompt["tokens"] == record["prompt_tokens"] and not prompt["cut"]
    assert prompt["cached_tokens"] == record["cached_tokens"] > 0
    assert record["answers"][0]["content"]["text"]
    assert "requests are inspected" in server.log.read_text()


# The stream of snapshots.


def test_a_snapshot_shows_the_engine(server):
    server.chat(max_tokens=2)
    first = server.request("GET", "/admin/events?limit=2")
    events = [block for block in first.body.decode().split("\n\n") if block]
    assert len(events) == 2 and all(event.startswith("event: snapshot\ndata: {") for event in events)
    last = json.loads(events[1].split("data: ", 1)[1])
    model = next(each for each in last["engine"]["data"] if each["model"] == MODEL)
    assert model["recent_steps"] and model["stream_gap"] == 0.1
    assert sum(segment["cells"] for segment in model["segments"]) == model["cells"]["used"] > 0


@pytest.mark.alone
def test_watching_takes_less_than_a_hundredth_of_the_machine(start):
    """One listener more or less changes little, because all of them share each snapshot."""
    server = start()
    server.chat(max_tokens=200, ignore_eos=True)
    events = server.request("GET", "/admin/events?limit=8").body.decode()
    snapshots = [json.loads(block.split("data: ", 1)[1]) for block in events.split("\n\n") if block]
    # The first second has the end of the answer before.
    first, last = snapshots[1], snapshots[-1]
    spent = last["process"]["cpu_seconds"] - first["process"]["cpu_seconds"]
    assert spent / (last["time"] - first["time"]) / os.cpu_count() < 0.01


def test_listeners_are_bounded(start):
    server = start()
    connections = [Connection(server.port) for _ in range(16)]
    try:
        for connection in connections:
            connection.send(connection.request("GET", "/admin/events"))
            connection.read_until(b"event: snapshot")
        refused = server.request("GET", "/admin/events")
        assert (refused.status, refused.json["error"]["code"]) == (503, "server_busy")
    finally:
        for connection in connections:
            connection.__exit__()


def test_a_stream_ends_with_the_server(start):
    server = start("--drain-seconds", "60")
    with Connection(server.port) as connection:
        connection.send(connection.request("GET", "/admin/events"))
        connection.read_until(b"event: snapshot")
        server.process.terminate()
        # Without an end of the stream, the server would wait for a minute.
        assert server.process.wait(20) is not None
