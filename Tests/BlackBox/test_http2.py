"""HTTP/2: streams side by side, disconnects of single streams, limits, and the end of the server."""

import json
import signal
import time

import h2.events
import h2.settings
import httpx
import pytest
from h2.exceptions import ProtocolError

from server import MODEL, wait_until
from tls import Http2, TLSServer, make_certificate, trusting


@pytest.fixture(scope="module")
def secure(home, tmp_path_factory):
    with TLSServer(home, *make_certificate(home, tmp_path_factory.mktemp("tls"))) as server:
        assert server.request("POST", "/v1/models/load", {"model": MODEL}).status == 200
        yield server
        assert server.process.poll() is None, server.log.read_text()[-3000:]


def chat(**fields) -> dict:
    return {"model": MODEL, "messages": [{"role": "user", "content": "Count to ten."}], "max_tokens": 8, "temperature": 0, **fields}


def test_streams_run_side_by_side(secure):
    with Http2(secure) as connection:
        streams = [connection.begin("POST", "/v1/chat/completions", chat(stream=index % 2 == 0)) for index in range(6)]
        probe = connection.begin("GET", "/health")
        for stream, (status, headers, body) in connection.answers(*streams, probe).items():
            assert status == 200 and body and headers["x-request-id"]
            assert "connection" not in headers and "transfer-encoding" not in headers
        assert secure.engine()["running"] == 0


def test_a_reset_stops_the_work_of_its_stream_only(secure):
    with Http2(secure) as connection:
        gone = connection.begin("POST", "/v1/chat/completions", chat(max_tokens=4000, stream=True))
        connection.until(b"content")
        connection.state.reset_stream(gone, 8)
        connection.flush()
        secure.wait_for(lambda engine: engine["running"] == 0, "the end of the work", 5)
        other = connection.begin("GET", "/v1/models")
        assert connection.answers(other)[other][0] == 200
    assert "request failed" not in secure.log.read_text()


def test_the_end_of_the_connection_stops_all_work(secure):
    with Http2(secure) as connection:
        for _ in range(3):
            connection.begin("POST", "/v1/chat/completions", chat(max_tokens=4000, stream=True))
        secure.wait_for(lambda engine: engine["running"] == 3, "the start")
    secure.wait_for(lambda engine: engine["running"] == 0, "the end of the work", 5)


@pytest.mark.parametrize("path, status", [("/v1/responses", 426), ("/v1/no-such-route", 404)])
def test_errors_have_the_form_of_the_api(secure, path, status):
    with Http2(secure) as connection:
        stream = connection.begin("GET", path)
        got, headers, body = connection.answers(stream)[stream]
        assert got == status and json.loads(body)["error"]["message"] and "upgrade" not in headers


def test_a_refused_body_need_not_be_sent(secure):
    with Http2(secure) as connection:
        stream = connection.state.get_next_available_stream_id()
        connection.state.send_headers(
            stream,
            [
                (":method", "POST"), (":scheme", "https"), (":authority", connection.authority), (":path", "/v1/chat/completions"),
                ("content-type", "application/json"), ("content-length", str(1 << 30)), ("expect", "100-continue"),
            ])
        connection.flush()
        got, _, body = connection.answers(stream)[stream]
        assert got == 413 and json.loads(body)["error"]["code"]


def test_a_web_socket_is_not_opened(secure):
    with Http2(secure) as connection:
        handshake = (("sec-websocket-version", "13"), ("sec-websocket-key", "AAAAAAAAAAAAAAAAAAAAAA=="))
        stream = connection.begin("GET", "/v1/responses", headers=handshake)
        assert connection.answers(stream)[stream][0] == 426


def test_the_number_of_streams_is_announced(secure):
    with Http2(secure) as connection:
        connection.answers(connection.begin("GET", "/health"))
        settings = connection.state.remote_settings
        assert settings[h2.settings.SettingCodes.MAX_CONCURRENT_STREAMS] == 100
        assert settings[h2.settings.SettingCodes.MAX_HEADER_LIST_SIZE] == 64 << 10


def test_too_large_headers_are_refused(secure):
    with Http2(secure) as connection:
        connection.answers(connection.begin("GET", "/health"))
        with pytest.raises((AssertionError, OSError, ProtocolError)):
            connection.answers(connection.begin("GET", "/health", headers=tuple((f"x-field-{index}", "v" * 4000) for index in range(20))))
    assert secure.request("GET", "/health").status == 200


def test_too_many_header_fields_are_refused(secure):
    with Http2(secure) as connection:
        stream = connection.begin("GET", "/v1/models", headers=tuple((f"x-field-{index}", "v") for index in range(250)))
        got, _, body = connection.answers(stream)[stream]
        assert got == 431 and json.loads(body)["error"]["code"] == "headers_too_large"


@pytest.mark.parametrize("authority, host, status", [(None, "localhost", 200), (None, "evil.example", 403), ("localhost", "localhost", 200), ("localhost", "other", 400)])
def test_the_host_field_may_stand_for_the_authority(secure, authority, host, status):
    with Http2(secure) as connection:
        stream = connection.state.get_next_available_stream_id()
        pseudo = [(":method", "GET"), (":scheme", "https"), (":path", "/v1/models")] + ([(":authority", authority)] if authority else [])
        connection.state.config.validate_outbound_headers = False
        connection.state.send_headers(stream, [*pseudo, ("host", host)], end_stream=True)
        connection.flush()
        assert connection.answers(stream)[stream][0] == status


def test_a_client_that_only_writes_can_read_an_early_answer(secure):
    """httpx sends its whole body before it reads the answer."""
    with httpx.Client(http2=True, verify=trusting(secure.certificate), timeout=20) as client:
        for _ in range(2):
            answer = client.post(secure.url + "/v1/no-such-route", content=b" " * (4 << 20), headers={"content-type": "application/json"})
            assert answer.status_code == 404 and answer.http_version == "HTTP/2"


def test_a_flood_of_resets_ends_the_connection(secure):
    ends = False
    with Http2(secure) as connection:
        connection.answers(connection.begin("GET", "/health"))
        try:
            for _ in range(1_000):
                connection.state.reset_stream(connection.begin("GET", "/v1/models"), 8)
                connection.flush()
            while not ends:
                events = connection.events()
                ends = events is None or any(isinstance(event, h2.events.ConnectionTerminated) for event in events)
        except (OSError, ProtocolError):
            ends = True
    assert ends
    assert secure.request("GET", "/health").status == 200


def test_a_client_that_does_not_read_loses_its_stream(home, tmp_path):
    with TLSServer(home, *make_certificate(home, tmp_path), "--write-seconds", "1") as server, Http2(server) as connection:
        connection.answers(connection.begin("GET", "/health"))
        # No window: the server may not send a byte of the body.
        connection.state.update_settings({h2.settings.SettingCodes.INITIAL_WINDOW_SIZE: 0})
        connection.flush()
        wait_until(lambda: any(isinstance(event, h2.events.SettingsAcknowledged) for event in connection.events()), "the settings")
        connection.begin("GET", "/openapi.json")
        wait_until(lambda: "stopped reading" in server.log.read_text(), "the close")


def test_an_idle_connection_does_not_delay_the_end(home, tmp_path):
    with TLSServer(home, *make_certificate(home, tmp_path)) as server, Http2(server) as connection:
        connection.answers(connection.begin("GET", "/health"))
        server.process.send_signal(signal.SIGTERM)
        begun = time.monotonic()
        server.process.wait(20)
        assert time.monotonic() - begun < 15
