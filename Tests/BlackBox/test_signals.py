"""SIGTERM and SIGINT: running answers end properly, new requests are refused, and the exit code is 0."""

import http.client
import signal
import threading
import time

import pytest

import raw
from server import MODEL, Server, wait_until


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
@pytest.mark.parametrize("stream", [False, True])
def test_running_answers_end_before_the_exit(home, number, stream):
    server = Server(home)
    with raw.Connection(server.port) as connection:
        connection.send(connection.request("POST", "/v1/chat/completions", raw.chat_body(MODEL, max_tokens=60, stream=stream)))
        server.wait_for(lambda engine: engine["running"] == 1, "the start")
        server.process.send_signal(number)
        status, _, body = connection.read_response()
        assert status == 200
        assert (b"data: [DONE]" in body) if stream else (b'"finish_reason":"' in body)
    assert server.process.wait(15) == 0


def test_an_idle_server_ends_at_once(home):
    server = Server(home)
    server.process.terminate()
    assert server.process.wait(5) == 0


def test_idle_connections_do_not_hold_it_up(home):
    server = Server(home)
    with raw.Connection(server.port) as connection:
        connection.send(connection.request("GET", "/"))
        connection.read_response()
        server.process.terminate()
        assert server.process.wait(5) == 0


@pytest.mark.parametrize("delay", [0, 0.03, 0.06, 0.1, 0.15, 0.2])
def test_a_load_ends_with_the_server_at_any_moment(home, delay):
    server = Server(home, "--drain-seconds", "0")

    def load():
        try:
            server.request("POST", "/v1/models/load", {"model": MODEL})
        except (OSError, http.client.HTTPException):
            pass

    thread = threading.Thread(target=load)
    thread.start()
    time.sleep(delay)
    server.process.terminate()
    assert server.process.wait(10) == 0
    thread.join()


def test_new_connections_are_refused_while_it_drains(home):
    server = Server(home)
    with raw.Connection(server.port) as connection:
        body = raw.chat_body(MODEL, max_tokens=300, ignore_eos=True, stream=True)
        connection.send(connection.request("POST", "/v1/chat/completions", body))
        connection.read_until(raw.TEXT)
        server.process.terminate()
        connection.read_until(raw.TEXT)

        def refuses() -> bool:
            try:
                with raw.Connection(server.port):
                    return False
            except ConnectionRefusedError:
                return True

        wait_until(refuses, "the refusal")
        assert server.process.poll() is None, "it still drains"
        connection.read_until(b"data: [DONE]")
    assert server.process.wait(15) == 0


def test_the_deadline_ends_late_answers_with_an_error_that_can_be_read(home):
    server = Server(home, "--drain-seconds", "1")
    with raw.Connection(server.port) as streamed, raw.Connection(server.port) as whole:
        streamed.send(streamed.request("POST", "/v1/chat/completions", raw.chat_body(MODEL, max_tokens=7000, stream=True)))
        whole.send(whole.request("POST", "/v1/chat/completions", raw.chat_body(MODEL, max_tokens=7000)))
        streamed.read_until(raw.TEXT)
        server.process.terminate()
        body = streamed.read_to_end()
        assert b'"shutting_down"' in body and b"[DONE]" not in body
        assert whole.read_response()[0] == 503
    assert server.process.wait(15) == 0


def test_a_second_signal_means_now(home):
    server = Server(home)
    with raw.Connection(server.port) as connection:
        connection.send(connection.request("POST", "/v1/chat/completions", raw.chat_body(MODEL, max_tokens=7000, stream=True)))
        connection.read_until(raw.TEXT)
        server.process.send_signal(signal.SIGINT)
        connection.read_until(raw.TEXT)
        server.process.send_signal(signal.SIGINT)
        assert server.process.wait(5) == 130
