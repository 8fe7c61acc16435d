"""Thousands of damaged requests: the server keeps running and reports the error of each. `make fuzz` runs longer."""

import asyncio
import json

import pytest

import request_fuzz


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    with request_fuzz.serve(tmp_path_factory.mktemp("fuzz")) as server:
        yield server


@pytest.mark.parametrize("seed", range(4))
def test_damaged_requests_are_answered(server, seed):
    statuses = asyncio.run(request_fuzz.fuzz(server, seed, 800))
    # Some requests are accepted and some refused.
    assert statuses.get(200, 0) > 20 and statuses.get(400, 0) > 100, statuses
    assert server.request("GET", "/health").status == 200


def test_good_requests_are_good(server):
    """The undamaged corpus is useful: the server accepts nearly all of it."""
    refused = {}
    for method, path, body in request_fuzz.CORPUS:
        answer = server.request(method, path, body)
        if answer.status < 400 or path in request_fuzz.NOT_FOR_THE_MODEL:
            continue
        error = answer.json["error"]
        if not isinstance(error, dict) or error.get("code") not in ("not_found", "model_not_capable", None):
            refused[f"{method} {path}"] = error
    assert len(refused) <= 6, refused


def test_what_is_found_is_found():
    """The checks detect an answer that violates each of their rules."""
    request = request_fuzz.Request("POST", "/", b"{}")
    good = (400, {"content-type": "application/json"}, b'{"error": {"message": "m", "type": "t", "param": null, "code": null}}')
    request_fuzz.check(request, good)
    bad = [
        None, (500, *good[1:]), (503, *good[1:]), (400, good[1], b'{"error": {"message": "m"}}'), (400, {"content-type": "text/plain"}, b"x"),
        (200, {"content-type": "text/event-stream"}, b"data: {\n\n"), (200, good[1], b"{"),
    ]
    bad += [(400, good[1], json.dumps(value).encode()) for value in (
        {"error": "text"}, {"error": {"code": 400, "message": "m", "type": "t"}}, {"type": "error", "error": {"message": "m", "type": "t"}})]
    for result in bad:
        with pytest.raises((request_fuzz.Fault, ValueError)):
            request_fuzz.check(request, result)
    for path, result in zip(("/api/chat", "/completion", "/v1/messages"), bad[-3:], strict=True):
        request_fuzz.check(request_fuzz.Request("POST", path, b"{}"), result)
