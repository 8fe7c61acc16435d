"""Background responses: polling, streams that are resumed, cancellation, and what a stop or a kill of the server leaves."""

import http.client
import json
import signal
import sqlite3
import time

import pytest

import raw
from responses import DONE, LONG, assert_complete, checked, create, get, output_text, parse, respond, wait
from server import MODEL, Server, make_home


def test_a_background_response_is_polled(server, client):
    response = respond(server, background=True)
    assert response["status"] == "queued" and response["output"] == [] and response["background"] is True
    done = wait(server, response["id"], *DONE)
    assert done["status"] in ("completed", "incomplete") and output_text(done) == output_text(respond(server))
    create(server, background=True, store=False).assert_error(400, "store", "invalid_value")
    create(server, background=True, model="nowhere").assert_error(404, None, "model_not_found")
    create(server, "word " * 9000, background=True).assert_error(400, "input", "context_length_exceeded")
    official = client.responses.create(model=MODEL, input="Say hello.", background=True, max_output_tokens=12, temperature=0)
    while official.status in ("queued", "in_progress"):
        time.sleep(0.02)
        official = client.responses.retrieve(official.id)
    assert official.output_text == output_text(done)


def test_a_background_stream_is_resumed_without_loss(server, client):
    response = respond(server, **{**LONG, "max_output_tokens": 150})
    whole = parse(get(server, response["id"] + "?stream=true").body)
    assert [event["type"] for event in whole[:3]] == ["response.created", "response.queued", "response.in_progress"]
    assert whole[-1]["type"] == "response.incomplete" and whole[0]["sequence_number"] == 0
    assert_complete(whole)
    for number in (0, 3, len(whole) // 2, len(whole) - 2):
        assert parse(get(server, f"{response['id']}?stream=true&starting_after={number}").body) == whole[number + 1 :]
    assert get(server, f"{response['id']}?stream=true&starting_after={len(whole) - 1}").body == b""
    with client.responses.retrieve(response["id"], stream=True, starting_after=5) as events:
        assert [event.sequence_number for event in events] == list(range(6, len(whole)))
    assert checked(get(server, response["id"]).json) == whole[-1]["response"]


def test_a_client_that_leaves_a_background_stream_cancels_nothing(server):
    body = {"model": MODEL, **LONG, "max_output_tokens": 200, "stream": True}
    with raw.Connection(server.port) as connection:
        connection.send(connection.request("POST", "/v1/responses", json.dumps(body).encode()))
        connection.read_until(b'"item_id":"msg_')
        id = "resp_" + connection.read_until(b'"')[:22].decode()
    response = wait(server, id, *DONE)
    assert response["status"] == "incomplete" and response["usage"]["output_tokens"] == 200
    assert_complete(parse(get(server, id + "?stream=true").body))


def test_a_background_response_is_cancelled(server, client):
    response = respond(server, **LONG)
    wait(server, response["id"], "in_progress")
    for _ in range(2):
        cancelled = checked(server.request("POST", f"/v1/responses/{response['id']}/cancel").json)
        assert cancelled["status"] == "cancelled"
    assert client.responses.cancel(response["id"]).status == "cancelled"
    server.wait_for(lambda engine: engine["running"] == 0, "the end of the work", 5)
    events = parse(get(server, response["id"] + "?stream=true").body)
    assert events[-1]["response"]["status"] == "cancelled"
    synchronous = respond(server)
    server.request("POST", f"/v1/responses/{synchronous['id']}/cancel").assert_error(400, "response_id", "invalid_value")
    server.request("POST", "/v1/responses/resp_1/cancel").assert_error(404, None, None)
    # Deleting a running response also stops its work.
    response = respond(server, **LONG)
    wait(server, response["id"], "in_progress")
    assert server.request("DELETE", "/v1/responses/" + response["id"]).status == 200
    get(server, response["id"]).assert_error(404, None, None)
    server.wait_for(lambda engine: engine["running"] == 0, "the end of the work", 5)


def test_a_background_response_waits_for_a_place(tmp_path):
    """A background response waits for a slot, because no client would retry after a 429."""
    with Server(make_home(tmp_path), "--slots", "1", "--queue", "0") as server:
        with raw.Connection(server.port) as connection:
            body = raw.chat_body(MODEL, max_tokens=6000, stream=True, ignore_eos=True)
            connection.send(connection.request("POST", "/v1/chat/completions", body))
            connection.read_until(raw.TEXT)
            server.chat().assert_error(429, None, "rate_limit_exceeded", "rate_limit_error")
            wanted, unwanted = (respond(server, background=True)["id"] for _ in range(2))
            for id in (wanted, unwanted):
                wait(server, id, "in_progress")
            # The stream goes on for longer than an attempt to start.
            for _ in range(400):
                connection.read_until(raw.TEXT)
            assert get(server, wanted).json["status"] == "in_progress"
            assert server.request("POST", f"/v1/responses/{unwanted}/cancel").json["status"] == "cancelled"
        response = wait(server, wanted, *DONE)
        assert response["status"] in ("completed", "incomplete") and output_text(response) == output_text(respond(server))


def test_an_unfinished_response_is_not_continued(server):
    response = respond(server, **LONG)
    create(server, previous_response_id=response["id"]).assert_error(400, "previous_response_id", "invalid_value")
    server.request("POST", f"/v1/responses/{response['id']}/cancel")


def test_background_work_survives_a_kill(tmp_path):
    """After a restart, responses that were running have failed with a reason, queued ones run, and completed ones are available."""
    home = make_home(tmp_path)
    with Server(home) as server:
        done = respond(server, "Say hello.")
        # As many as can run at a time, and some that wait.
        jobs = [respond(server, **{**LONG, "max_output_tokens": 1000})["id"] for _ in range(8)]
        for id in jobs:
            wait(server, id, "in_progress")
        waiting = [respond(server, "Say hello.", background=True)["id"] for _ in range(3)]
        assert all(get(server, id).json["status"] == "queued" for id in waiting)
        seen = events_so_far(server, jobs[0])
        connection = raw.Connection(server.port)
        body = {"model": MODEL, "input": "Count.", "max_output_tokens": 1000, "ignore_eos": True, "stream": True}
        connection.send(connection.request("POST", "/v1/responses", json.dumps(body).encode()))
        connection.read_until(b'"id":"resp_')
        jobs.append("resp_" + connection.read_until(b'"')[:22].decode())
        server.process.send_signal(signal.SIGKILL)
        server.process.wait()
    with Server(home) as server:
        for id in waiting:
            response = wait(server, id, *DONE)
            assert response["status"] in ("completed", "incomplete") and output_text(response) == output_text(done)
        for id in jobs:
            response = checked(get(server, id).json)
            assert response["status"] == "failed" and response["error"]["code"] == "server_error" and "restart" in response["error"]["message"]
        events = parse(get(server, jobs[0] + "?stream=true").body)
        assert events[: len(seen)] == seen and events[-1]["type"] == "response.failed"
        assert checked(get(server, done["id"]).json) == done
        assert respond(server, "And?", previous_response_id=done["id"])["status"] in DONE


def test_background_work_fails_when_the_server_is_told_to_stop(tmp_path):
    """Running responses fail at once and keep their partial output. Queued ones run after the next start."""
    home = make_home(tmp_path)
    with Server(home) as server:
        jobs = [respond(server, **LONG)["id"] for _ in range(8)]
        for id in jobs:
            wait(server, id, "in_progress")
        waiting = respond(server, "Say hello.", background=True)["id"]
        seen = events_so_far(server, jobs[0])
        server.process.send_signal(signal.SIGTERM)
        assert server.process.wait(15) == 0
    with sqlite3.connect(home / "data/storage/shimmy.sqlite") as database:
        assert dict(database.execute("SELECT status, count(*) FROM record GROUP BY status")) == {"failed": 8, "queued": 1}
    with Server(home) as server:
        for id in jobs:
            response = checked(get(server, id).json)
            assert response["status"] == "failed" and response["error"]["code"] == "server_error" and "stopped" in response["error"]["message"]
        events = parse(get(server, jobs[0] + "?stream=true").body)
        assert events[: len(seen)] == seen and [event["type"] for event in events[-2:]] == ["error", "response.failed"]
        assert_complete(events)
        assert checked(get(server, jobs[0]).json) == events[-1]["response"] and output_text(events[-1]["response"])
        assert wait(server, waiting, *DONE)["status"] in ("completed", "incomplete")


@pytest.mark.parametrize("drain", [1, 600])
def test_a_stream_of_background_work_holds_the_stop_up_until_the_deadline(tmp_path, drain):
    home = make_home(tmp_path)
    with (
        Server(home, "--drain-seconds", str(drain)) as server,
        raw.Connection(server.port, timeout=300) as connection, raw.Connection(server.port, timeout=300) as other,
    ):
        jobs = [respond(server, **{**LONG, "max_output_tokens": 5000 if drain == 1 else 100})["id"] for _ in range(8)]
        waiting = respond(server, "Say hello.", background=True)["id"]
        connection.send(connection.request("GET", f"/v1/responses/{jobs[0]}?stream=true"))
        other.send(other.request("GET", f"/v1/responses/{waiting}?stream=true"))
        connection.read_until(b"output_text.delta")
        other.read_until(b"response.queued")
        server.process.send_signal(signal.SIGTERM)
        # Queued responses do not start. Their streams end without a final event and can be resumed.
        assert b"in_progress" not in other.read_to_end()
        end = connection.read_to_end()
        assert (b"event: response.failed" if drain == 1 else b"event: response.incomplete") in end
        assert server.process.wait(15) == 0
    with Server(home) as server:
        assert wait(server, waiting, *DONE)["status"] in ("completed", "incomplete")
        assert get(server, jobs[0]).json["status"] == ("failed" if drain == 1 else "incomplete")


def events_so_far(server, id: str) -> list:
    """Returns the first events of a running response."""
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=30)
    connection.request("GET", f"/v1/responses/{id}?stream=true")
    response = connection.getresponse()
    body = b""
    while body.count(b"output_text.delta\n") < 3:
        body += response.readline()
    body = body[: body.rindex(b"event: ")]
    connection.close()
    return parse(body)


def database(home) -> sqlite3.Connection:
    return sqlite3.connect(home / "data/storage/shimmy.sqlite")


def finished(server, id: str) -> dict:
    deadline = time.monotonic() + 20
    while (response := server.request("GET", f"/v1/responses/{id}").json)["status"] in ("queued", "in_progress"):
        assert time.monotonic() < deadline, response
        time.sleep(0.05)
    return response


def test_a_stored_request_that_cannot_be_read_has_failed(tmp_path):
    home = make_home(tmp_path / "home")
    with Server(home) as server:
        id = server.request("POST", "/v1/responses", {"model": MODEL, "input": "Hi", "background": True, "max_output_tokens": 2}).json["id"]
        assert finished(server, id)["status"] in ("completed", "incomplete")
    with database(home) as stored:
        stored.execute("UPDATE record SET status = 'queued', request = '{\"model\": 5}' WHERE id = ?", (id,))
        stored.execute("DELETE FROM event WHERE number > 1")
    stored.close()
    with Server(home) as server:
        response = finished(server, id)
        assert response["status"] == "failed" and "cannot be read" in response["error"]["message"]
        last = server.request("GET", f"/v1/responses/{id}?stream=true").body.decode().strip().split("\n\n")[-1]
        assert last.startswith("event: response.failed\n")


def test_a_stream_that_cannot_be_read_ends_with_an_error(tmp_path):
    home = make_home(tmp_path / "home")
    with Server(home) as server:
        id = server.request("POST", "/v1/responses", {"model": MODEL, "input": "Hi", "background": True, "max_output_tokens": 2}).json["id"]
        finished(server, id)
        with database(home) as stored:
            stored.execute("UPDATE event SET json = '{' WHERE number > 2")
        stored.close()
        answer = server.request("GET", f"/v1/responses/{id}?stream=true")
        last = answer.body.decode().strip().split("\n\n")[-1]
        assert last.startswith("event: error\n")
        event = json.loads(last.split("data: ")[1])
        assert event["type"] == "error" and event["code"] == "storage_unavailable" and event["message"]
