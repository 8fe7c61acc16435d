"""Downloads from the hub that are not complete: listed, continued and deleted."""

import urllib.parse

import pytest

from fake_hub import FakeHub
from server import MODEL_FILE, Server, run, wait_until

REPOSITORY = "maker/SmolLM2-GGUF"
NAME = f"{REPOSITORY}:Q4_1"
ALL = "/admin/downloads"


@pytest.fixture
def hub():
    hub = FakeHub()
    hub.repositories[REPOSITORY] = {"SmolLM2-Q4_1.gguf": MODEL_FILE.read_bytes()}
    yield hub
    hub.close()


@pytest.fixture
def machine(hub, tmp_path):
    with Server(tmp_path, HF_ENDPOINT=hub.url) as server:
        server.home = tmp_path
        yield server


def downloads(server) -> list:
    return server.request("GET", ALL).json["data"]


def interrupt(server, hub):
    """Begins a download and ends it when a part has arrived."""
    hub.seconds_per_piece = 0.05
    connection = server.connection()
    connection.request("POST", "/v1/models/pull", f'{{"model": "{REPOSITORY}"}}', {"Content-Type": "application/json"})
    response = connection.getresponse()
    wait_until(lambda: [each["running"] and each["completed"] > 0 for each in downloads(server)] == [True], "the first bytes")
    server.request("DELETE", f"{ALL}/{NAME}").assert_error(409, "model", "pull_in_progress")
    response.close()
    connection.close()
    wait_until(lambda: [each["running"] for each in downloads(server)] == [False], "the end of the download")
    hub.seconds_per_piece = 0


def test_a_download_is_listed_and_continued(machine, hub):
    assert machine.request("GET", ALL).json == {"object": "list", "data": []}
    interrupt(machine, hub)
    [download] = downloads(machine)
    size = MODEL_FILE.stat().st_size
    assert (download["object"], download["model"], download["repository"], download["total"]) == ("download", NAME, REPOSITORY, size)
    assert 0 < download["completed"] < size and download["created_at"] > 0
    done = machine.request("POST", "/v1/models/pull", {"model": download["model"], "stream": False})
    assert done.json == {"status": "success", "model": NAME}
    assert downloads(machine) == []
    folder = machine.home / "data/models" / REPOSITORY
    assert sorted(path.name for path in folder.iterdir()) == [".shimmy-pull.json", "SmolLM2-Q4_1.gguf"]


def test_a_download_is_deleted(machine, hub):
    interrupt(machine, hub)
    deleted = machine.request("DELETE", f"{ALL}/{urllib.parse.quote(NAME, safe='')}")
    assert (deleted.status, deleted.json) == (200, {"object": "download.deleted", "model": NAME, "deleted": True})
    assert downloads(machine) == [] and not (machine.home / "data/models/maker").exists()
    machine.request("DELETE", f"{ALL}/{NAME}").assert_error(404, None, None)


def test_a_download_of_the_command_line_is_listed(machine, hub):
    hub.statuses["SmolLM2-Q4_1.gguf"] = [404] * 50
    assert run(machine.home, "pull", REPOSITORY, HF_ENDPOINT=hub.url).returncode != 0
    assert [(each["model"], each["completed"], each["running"]) for each in downloads(machine)] == [(NAME, 0, False)]
    hub.statuses.clear()
    assert run(machine.home, "pull", REPOSITORY, HF_ENDPOINT=hub.url).returncode == 0
    assert downloads(machine) == []
