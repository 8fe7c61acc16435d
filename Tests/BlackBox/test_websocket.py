"""Responses over a WebSocket: the official client's mode, and raw frames."""

import json
import signal
import threading

import pytest
from openai.types.responses.responses_server_event import ResponsesServerEvent
from pydantic import TypeAdapter
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import connect

import raw
from responses import LAST, get, stream
from server import MODEL, Server

EVENT = TypeAdapter(ResponsesServerEvent)


def socket(server, **options):
    return connect(f"ws://127.0.0.1:{server.port}/v1/responses", compression=None, max_size=None, proxy=None, **options)


def create(ws, input="Say hello.", **fields):
    body = {"type": "response.create", "model": MODEL, "input": input, "max_output_tokens": 8, "temperature": 0, **fields}
    ws.send(json.dumps({name: value for name, value in body.items() if value is not ...}))


def receive(ws) -> dict:
    """Returns the next event, validated with the official client's types."""
    event = json.loads(ws.recv(timeout=60))
    assert EVENT.validate_python(event).type == event["type"]
    return event


def finish(ws) -> list:
    """Returns the events up to the end of a response, or an error."""
    events = [receive(ws)]
    while events[-1]["type"] not in (*LAST, "error"):
        events.append(receive(ws))
    return events


def respond(ws, input="Say hello.", **fields) -> dict:
    create(ws, input, **fields)
    events = finish(ws)
    assert events[-1]["type"] in ("response.completed", "response.incomplete"), events[-1]
    return events[-1]["response"]


def refused(ws, status: int, code: str | None, param: str | None = None) -> dict:
    event = receive(ws)
    assert event["type"] == "error" and event["status"] == status, event
    assert (event["error"]["code"], event["error"]["param"]) == (code, param), event
    return event


def closed(ws) -> int:
    """Returns the server's close code."""
    with pytest.raises(ConnectionClosed) as info:
        while True:
            ws.recv(timeout=30)
    assert info.value.rcvd is not None, info.value
    return info.value.rcvd.code


def test_a_response_over_a_websocket(client):
    with client.responses.connect() as connection:
        connection.response.create(model=MODEL, input="Say hello.", max_output_tokens=8, temperature=0, store=False)
        texts, types = "", []
        for event in connection:
            types.append(event.type)
            if event.type == "response.output_text.delta":
                texts += event.delta
            if event.type in LAST:
                break
    assert types[:3] == ["response.created", "response.in_progress", "response.output_item.added"]
    assert event.response.output_text == texts and texts


def test_the_events_are_those_of_http(steady):
    fields = {"max_output_tokens": 12, "store": False, "new_field": 1}
    expected = stream(steady, **fields)
    with socket(steady) as ws:
        create(ws, **fields)
        events = finish(ws)
    assert [event["sequence_number"] for event in events] == [*range(len(events))]
    # The number of deltas depends on the speed of the connection.
    kinds = [[event["type"] for event in some if not event["type"].endswith("delta")] for some in (events, expected)]
    assert kinds[0] == kinds[1]
    texts = [some[-1]["response"]["output"][0]["content"][0]["text"] for some in (events, expected)]
    assert texts[0] == texts[1] == "".join(event["delta"] for event in events if event["type"] == "response.output_text.delta")
    assert events[0]["headers"] == {"x-shimmy-ignored-params": "new_field"} and "headers" not in events[1]


@pytest.mark.parametrize("store", [True, False])
def test_a_response_is_continued_on_its_connection(server, store):
    with socket(server) as ws:
        first = respond(ws, "My name is Ada.", store=store)
        second = respond(ws, "Who am I?", store=store, previous_response_id=first["id"])
        assert second["usage"]["input_tokens"] > first["usage"]["input_tokens"] and second["store"] == store
        third = respond(ws, "And now?", store=store, previous_response_id=second["id"])
        assert third["usage"]["input_tokens"] > second["usage"]["input_tokens"]
    assert get(server, first["id"]).status == (200 if store else 404)


def test_what_is_not_stored_is_known_to_its_connection_only(server):
    with socket(server) as ws, socket(server) as other:
        first = respond(ws, store=False)
        create(other, previous_response_id=first["id"])
        refused(other, 400, "previous_response_not_found", "previous_response_id")
        # The default of a continued response is its own storage; it cannot be stored without its history.
        assert respond(ws, previous_response_id=first["id"], store=...)["store"] is False
        create(ws, previous_response_id=first["id"], store=True)
        refused(ws, 400, "invalid_value", "store")


def test_only_the_last_responses_are_remembered(server):
    with socket(server) as ws:
        ids = [respond(ws, str(number), store=False, max_output_tokens=1)["id"] for number in range(9)]
        create(ws, previous_response_id=ids[0], store=False)
        refused(ws, 400, "previous_response_not_found", "previous_response_id")
        respond(ws, previous_response_id=ids[1], store=False)


def test_a_server_that_stores_nothing_remembers(start):
    server = start("--no-store")
    with socket(server) as ws:
        first = respond(ws)
        assert respond(ws, "Go on.", previous_response_id=first["id"])["previous_response_id"] == first["id"]
        create(ws, previous_response_id="resp_nothing")
        refused(ws, 400, "previous_response_not_found", "previous_response_id")


def test_a_warm_up_has_no_output_and_can_be_continued(server):
    with socket(server) as ws:
        warm = respond(ws, "Remember the word apple. " * 20, store=False, generate=False)
        assert warm["output"] == [] and warm["status"] == "completed" and warm["usage"]["output_tokens"] == 0
        response = respond(ws, "Which word?", store=False, previous_response_id=warm["id"])
        assert response["output"] and response["usage"]["input_tokens_details"]["cached_tokens"] > 50
        # Agents prepare their instructions and tools before there is any input.
        tools = [{"type": "function", "name": "look", "parameters": {"type": "object", "properties": {}}}]
        prompt = {"instructions": "Be short. " * 20, "tools": tools, "tool_choice": "auto", "parallel_tool_calls": True, "store": False}
        empty = respond(ws, [], generate=False, **prompt)
        assert empty["output"] == [] and empty["id"].startswith("resp_") and empty["usage"]["input_tokens"] > 40
        response = respond(ws, "Hi", previous_response_id=empty["id"], **prompt)
        assert response["usage"]["input_tokens_details"]["cached_tokens"] > 40
        assert respond(ws, [], store=False, generate=False)["output"] == [], "it only loads the model"
        create(ws, [], store=False)
        refused(ws, 400, "empty_array", "input")


def test_streams_run_side_by_side(server):
    with socket(server) as ws:
        create(ws, store=False, stream_id="long", max_output_tokens=400, ignore_eos=True)
        assert receive(ws)["stream_id"] == "long"
        for number in range(3):
            create(ws, str(number), store=False, stream_id="short", max_output_tokens=2)
        create(ws, store=False, stream_id="wrong", temperature=9)
        events = []
        while sum(event["type"] in LAST for event in events) < 4:
            events.append(receive(ws))
    assert {event["stream_id"] for event in events} == {"long", "short", "wrong"}
    ends = [event["stream_id"] for event in events if event["type"] in LAST]
    assert ends == ["short", "short", "short", "long"]
    error = next(event for event in events if event["type"] == "error")
    assert (error["stream_id"], error["error"]["param"]) == ("wrong", "temperature")
    # The responses of one stream do not overlap.
    short = [event["type"] for event in events if event["stream_id"] == "short"]
    assert [index for index, type in enumerate(short) if type == "response.created"][1:] == [
        index + 1 for index, type in enumerate(short) if type in LAST
    ][:2]


def test_errors_are_frames_and_the_connection_stays(server):
    with socket(server) as ws:
        ws.send("{")
        refused(ws, 400, None)
        ws.send("[]")
        refused(ws, 400, "invalid_type")
        ws.send('{"type": "response.append", "stream_id": "a"}')
        event = refused(ws, 400, "invalid_value", "type")
        assert event["stream_id"] == "a" and "'response.create' with 'previous_response_id'" in event["error"]["message"]
        create(ws, model="nobody")
        refused(ws, 404, "model_not_found")
        create(ws, background=True)
        refused(ws, 400, "invalid_value", "background")
        create(ws, input=...)
        refused(ws, 400, "missing_required_parameter", "input")
        create(ws, stream_id=1)
        refused(ws, 400, "invalid_type", "stream_id")
        ws.send(json.dumps({"type": "response.steer", "previous_response_id": "resp_1", "input": "Stop."}))
        event = receive(ws)
        assert event["error"]["code"] == "steering_not_supported" and event["steer"] == {"previous_response_id": "resp_1", "input": "Stop."}
        ws.send('{"type": "response.processed", "response_id": "resp_1"}')
        assert respond(ws, store=False)["output"]


def test_a_response_that_is_deleted_while_it_runs_ends(server):
    with socket(server) as ws:
        create(ws, max_output_tokens=2000, ignore_eos=True, store=True)
        id = receive(ws)["response"]["id"]
        assert server.request("DELETE", "/v1/responses/" + id).status == 200
        last = finish(ws)[-1]
        assert (last["type"], last["response"]["status"]) == ("response.incomplete", "cancelled")
        assert get(server, id).status == 404
        # The connection goes on.
        assert respond(ws, store=False)["output"]


def test_waiting_requests_are_limited(server):
    with socket(server) as ws:
        create(ws, store=False, max_output_tokens=2000, ignore_eos=True)
        receive(ws)
        for number in range(33):
            create(ws, str(number), store=False)
        while (event := receive(ws))["type"] != "error":
            pass
        assert event["status"] == 429 and event["headers"]["retry-after"] == "1"
    server.wait_for(lambda engine: engine["running"] == engine["waiting"] == 0, "the end of the work", 10)


def test_the_bytes_of_waiting_requests_are_limited(server):
    def waiting() -> int:
        return server.request("GET", "/v1/engine").json["server"]["bodies"]["waiting"]

    with socket(server) as ws:
        create(ws, store=False, max_output_tokens=2000, ignore_eos=True)
        receive(ws)
        for _ in range(2):
            create(ws, "a" * (20 << 20), store=False)
        while (event := receive(ws))["type"] != "error":
            pass
        assert event["status"] == 429 and event["error"]["code"] == "rate_limit_exceeded"
        assert 20 << 20 < waiting() < 21 << 20
        # Small requests can still wait.
        create(ws, store=False)
    server.wait_for(lambda _: waiting() == 0, "the release of the memory", 10)


def test_messages_may_be_fragmented(server):
    message = json.dumps({"type": "response.create", "model": MODEL, "input": "Übung " * 50, "max_output_tokens": 2, "store": False})
    with socket(server) as ws:
        ws.send(iter([message[:10], "", message[10:11], message[11:]]))
        assert finish(ws)[-1]["type"] in LAST
        assert ws.ping().wait(10)


def test_what_is_not_a_text_closes(server):
    with socket(server) as ws:
        ws.send(b"binary")
        assert closed(ws) == 1003
    with socket(server) as ws:
        ws.send(b'{"\xff"}', text=True)
        assert closed(ws) == 1007


def test_a_message_that_is_too_large_closes(start):
    server = start("--max-body", "1M")
    with socket(server) as ws:
        try:
            ws.send("a" * (2 << 20))
        except ConnectionClosed:
            pass
        assert closed(ws) == 1009
    assert server.request("GET", "/v1/engine").json["server"]["bodies"]["bytes"] == 0


def test_the_handshake_is_checked_like_a_request(start):
    server = start("--api-key", "key-1")
    for headers, origin, status, code in (
        ({}, None, 401, "invalid_api_key"),
        ({"Authorization": "Bearer wrong"}, None, 401, "invalid_api_key"),
        ({"Authorization": "Bearer key-1"}, "https://evil.example", 403, "origin_not_allowed"),
    ):
        with pytest.raises(InvalidStatus) as info:
            with socket(server, additional_headers=headers, origin=origin):
                pass
        response = info.value.response
        assert response.status_code == status and json.loads(response.body)["error"]["code"] == code
    with socket(server, additional_headers={"Authorization": "Bearer key-1"}, origin="http://localhost:3000") as ws:
        first = respond(ws)
    headers = {"Authorization": "Bearer key-1"}
    assert get(server, first["id"], headers).status == 200


def test_a_get_without_an_upgrade(server):
    answer = server.request("GET", "/v1/responses")
    answer.assert_error(426, None, "websocket_required")
    assert answer.headers["upgrade"] == "websocket"


def test_a_disconnect_stops_the_work(server):
    ws = socket(server)
    for lane in ("a", "b"):
        create(ws, store=False, stream_id=lane, max_output_tokens=4000, ignore_eos=True)
    server.wait_for(lambda engine: engine["running"] == 2, "the start")
    ws.socket.shutdown(2)
    server.wait_for(lambda engine: engine["running"] == engine["waiting"] == 0, "the end of the work", 10)
    with socket(server) as ws:
        create(ws, store=False, max_output_tokens=4000, ignore_eos=True)
        receive(ws)
    server.wait_for(lambda engine: engine["running"] == 0, "the end of the work after a close frame", 10)


def test_an_idle_socket_is_not_a_request_in_flight(server):
    def only_this_request(_):
        return server.request("GET", "/v1/engine").json["server"]["requests"]["in_flight"] == 1

    with socket(server) as ws:
        respond(ws, store=False)
        # A response stays in flight until shortly after its last event.
        server.wait_for(only_this_request, "the end of all other requests")
        assert server.request("GET", "/v1/engine").json["server"]["histories"]["bytes"] > 0
    server.wait_for(lambda _: server.request("GET", "/v1/engine").json["server"]["histories"]["bytes"] == 0, "the release of the memory")


def test_draining_ends_running_responses_and_closes(home):
    server = Server(home)
    with socket(server) as idle, socket(server) as ws:
        # The response lasts long enough to be running when the signal arrives.
        create(ws, store=False, max_output_tokens=200, ignore_eos=True)
        create(ws, store=False)
        server.wait_for(lambda engine: engine["running"] == 1, "the start")
        server.process.send_signal(signal.SIGTERM)
        assert closed(idle) == 1001
        ends = []
        while len(ends) < 2:
            event = receive(ws)
            if event["type"] in (*LAST, "error"):
                ends.append((event["type"], event.get("status")))
        assert sorted(ends) == [("error", 503), ("response.incomplete", None)]
        assert closed(ws) == 1001
    assert server.process.wait(15) == 0


HANDSHAKE = (
    b"GET /v1/responses HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
    b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
)


def frame(payload: bytes, opcode: int = 1) -> bytes:
    """Returns a frame that is masked with zeros."""
    assert len(payload) < 1 << 16
    return bytes([0x80 | opcode, 0x80 | 126]) + len(payload).to_bytes(2, "big") + bytes(4) + payload


@pytest.mark.parametrize("cut", [0, 1, 9])
def test_frames_behind_the_handshake_are_not_lost(server, cut):
    """A client need not wait for the response to its handshake, and may send its first frames in the same segment."""
    request = {"type": "response.create", "model": MODEL, "input": "Say hello.", "max_output_tokens": 2, "ignore_eos": True, "store": False}
    message = json.dumps(request).encode()
    frames = bytes([0x89, 0x80]) + bytes(4) + frame(message)
    with raw.Connection(server.port) as connection:
        connection.send(HANDSHAKE + frames[: len(frames) - cut])
        assert connection.read_until(b"\r\n\r\n").startswith(b"HTTP/1.1 101 ")
        connection.read_until(bytes([0x8A, 0]))
        connection.send(frames[len(frames) - cut :])
        connection.read_until(b'"type":"response.incomplete"')
        connection.send(frame(message))
        connection.read_until(b'"type":"response.incomplete"')


def test_too_many_bytes_behind_a_handshake_close_the_connection(start):
    """They take no memory, even while the server waits for the client to read a refusal."""
    server = start()
    head = HANDSHAKE.replace(b"GET /v1/responses", b"GET /v1/models")
    with raw.Connection(server.port) as connection:
        try:
            connection.send(head + bytes(64 << 20))
            received = connection.read_to_end()
        except (ConnectionResetError, BrokenPipeError):
            received = b""
        assert received == b"" or received.startswith(b"HTTP/1.1 426 ")
    assert server.chat(max_tokens=2).status == 200


def test_another_version_is_refused_with_the_right_one(server):
    with raw.Connection(server.port) as connection:
        connection.send(HANDSHAKE.replace(b"Version: 13", b"Version: 8"))
        status, headers, body = connection.read_response()
    assert status == 426 and headers["sec-websocket-version"] == "13" and b"websocket_version_not_supported" in body


def test_many_sockets_at_once(server):
    """The texts of parallel sockets are those of their own requests."""
    failures = []

    def client(number: int):
        try:
            with socket(server) as ws:
                first = respond(ws, f"Client {number}.", store=False, choice=[f"I am {number}."], max_output_tokens=40)
                assert first["output"][0]["content"][0]["text"] == f"I am {number}."
        except Exception as error:
            failures.append(error)

    threads = [threading.Thread(target=client, args=(number,)) for number in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
