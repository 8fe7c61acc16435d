"""Speech, transcripts and images, which upstream servers make."""

import base64
import http.client
import json
import socket

import openai
import pytest
from openai import OpenAI

from media_upstream import AUDIO, IMAGE, MediaUpstream
from server import MODEL, Server, make_home, run, wait_until

KEY = "sk-test-media-0123456789"


def table(name: str, upstream: MediaUpstream, **settings) -> str:
    values = {"kind": "openai", "health_interval": 0.2, **settings}
    lines = "".join(f"{key} = {value if key == 'fields' else json.dumps(value)}\n" for key, value in values.items())
    return f'[upstream."{name}"]\nurl = "{upstream.url}"\n{lines}'


@pytest.fixture(scope="module")
def upstreams():
    """The first one is asked first, the second one has the model `shared`, too."""
    with MediaUpstream("voice", "shared") as first, MediaUpstream("shared", "changed") as second:
        yield first, second


@pytest.fixture(scope="module")
def front(tmp_path_factory, upstreams):
    first, second = upstreams
    home = make_home(tmp_path_factory.mktemp("front"))
    file = home / ".config/shimmy/shimmy.toml"
    file.parent.mkdir(parents=True, exist_ok=True)
    fields = '{ drop = ["quality", "temperature"], add = { style = "plain" } }'
    tables = [
        table("one", first, api_key="secret-of-one"), table("two", second, priority=2, fields=fields),
        '[model."voice"]\naliases = ["nick"]\n', f'[key."ann"]\nkey = "{KEY}"\nrole = "admin"\n',
        '[key."cora"]\nkey = "sk-test-cora-0123456789"\n',
        '[key."bob"]\nkey = "sk-test-bob-0123456789"\nmodels = ["shared"]\n',
    ]
    file.write_text("\n".join(tables))
    with Server(home) as server:
        server.home = home
        wait_until(lambda: {"voice", "changed"} <= {model["id"] for model in models(server)}, "the list of models")
        yield server


def models(server) -> list:
    return server.request("GET", "/v1/models", headers=bearer()).json["data"]


def bearer(key: str = KEY) -> dict:
    return {"Authorization": f"Bearer {key}"}


@pytest.fixture
def first(upstreams):
    for upstream in upstreams:
        upstream.reset()
    yield upstreams[0]
    upstreams[0].fault = None


@pytest.fixture
def second(upstreams):
    yield upstreams[1]
    upstreams[1].fault = None


@pytest.fixture(scope="module")
def client(front):
    with OpenAI(base_url=front.url + "/v1", api_key=KEY, max_retries=0, timeout=60) as client:
        yield client


def post(front, path: str, body: dict, key: str = KEY):
    return front.request("POST", path, body, bearer(key))


def speak(front, model: str = "voice", **fields):
    return post(front, "/v1/audio/speech", {"model": model, "input": "Hello", "voice": "v", **fields})


# The official client


def test_speech_is_streamed(client, first):
    with client.audio.speech.with_streaming_response.create(model="nick", voice="alloy", input="Hello") as answer:
        assert answer.headers["content-type"] == "audio/mpeg" and answer.headers["x-shimmy-upstream"] == "one"
        assert b"".join(answer.iter_bytes()) == AUDIO
    [request] = first.requests
    assert request.fields == {"model": "voice", "voice": "alloy", "input": "Hello"}
    assert request.headers["authorization"] == "Bearer secret-of-one" and request.headers["x-request-id"]
    assert client.audio.speech.create(model="one/voice", voice="alloy", input="Hello").read() == AUDIO


def test_a_file_is_transcribed(client, first):
    answer = client.audio.transcriptions.create(model="nick", file=("a b.wav", AUDIO, "audio/wav"), language="de", temperature=0.5)
    assert answer.text == "Hello there"
    [request] = first.requests
    assert request.fields["model"] == ["voice"] and request.fields["language"] == ["de"] and request.fields["temperature"] == ["0.5"]
    assert request.files["file"] == [("a b.wav", "audio/wav", AUDIO)]


def test_a_transcript_has_the_requested_form(client, first):
    text = client.audio.transcriptions.create(model="voice", file=("a.wav", AUDIO), response_format="srt")
    assert "00:00:01,000" in text
    events = list(client.audio.transcriptions.create(model="voice", file=("a.wav", AUDIO), stream=True))
    assert [event.type for event in events] == ["transcript.text.delta"] * 2 + ["transcript.text.done"]


def test_a_file_is_translated(client, first):
    assert client.audio.translations.create(model="voice", file=("a.wav", AUDIO)).text == "Hello there"
    assert first.requests[0].path == "/v1/audio/translations"


def test_images_are_generated(client, first):
    answer = client.images.generate(model="voice", prompt="a cat", n=1, size="1024x1024")
    assert base64.b64decode(answer.data[0].b64_json) == IMAGE and answer.usage.input_tokens == 11
    assert first.requests[0].fields == {"model": "voice", "prompt": "a cat", "n": 1, "size": "1024x1024", "user": "ann"}
    [event] = client.images.generate(model="voice", prompt="a cat", stream=True)
    assert event.type == "image_generation.completed" and base64.b64decode(event.b64_json) == IMAGE


def test_images_are_edited(client, first):
    answer = client.images.edit(
        model="voice", image=[("a.png", IMAGE, "image/png"), ("b.png", IMAGE, "image/png")], mask=("m.png", IMAGE, "image/png"), prompt="a hat")
    assert base64.b64decode(answer.data[0].b64_json) == IMAGE
    [request] = first.requests
    assert request.fields["model"] == ["voice"] and request.fields["prompt"] == ["a hat"] and request.files["mask"][0][2] == IMAGE
    assert [name for name, _, _ in request.files["image[]"]] == ["a.png", "b.png"]


def test_images_are_varied(client, first):
    with pytest.warns(DeprecationWarning):
        answer = client.images.create_variation(model="voice", image=("a.png", IMAGE, "image/png"))
    assert base64.b64decode(answer.data[0].b64_json) == IMAGE and first.requests[0].files["image"][0][2] == IMAGE


# Fields


def test_every_field_is_passed_on(front, first):
    body = {"model": "voice", "unheard": {"of": [1, None, "é"]}, "input": "Hello", "speed": 1.50, "user": "u"}
    assert post(front, "/v1/audio/speech", body).status == 200
    assert first.requests[0].fields == body
    assert post(front, "/v1/images/edits", {"model": "voice", "images": [{"image_url": "data:"}]}).status == 200
    assert first.requests[1].fields == {"model": "voice", "images": [{"image_url": "data:"}], "user": "ann"}


def test_the_upstreams_fields_are_dropped_and_added(client, front, second):
    second.reset()
    client.images.edit(model="changed", image=("a.png", IMAGE), prompt="a hat", quality="high")
    post(front, "/v1/images/generations", {"model": "two/changed", "prompt": "a hat", "quality": "high"})
    form, whole = second.requests
    assert form.fields == {"model": ["changed"], "prompt": ["a hat"], "user": ["ann"], "style": ["plain"]}
    assert whole.fields == {"model": "changed", "prompt": "a hat", "user": "ann", "style": "plain"}


def test_a_large_file_arrives_whole(client, first):
    file = AUDIO * 200
    client.audio.transcriptions.create(model="voice", file=("a.wav", file))
    assert first.requests[0].files["file"][0][2] == file


def test_a_body_has_the_servers_limit(front, first):
    connection = front.connection()
    connection.putrequest("POST", "/v1/audio/transcriptions")
    for name, value in {**bearer(), "Content-Type": "multipart/form-data; boundary=b", "Content-Length": str(33 << 20)}.items():
        connection.putheader(name, value)
    connection.endheaders()
    response = connection.getresponse()
    assert response.status == 413 and json.loads(response.read())["error"]["code"] == "request_too_large"
    connection.close()
    assert not first.requests


# Mistakes


def test_models_of_this_server_are_refused(client, front, first):
    speak(front, MODEL).assert_error(400, "model", "model_not_usable")
    with pytest.raises(openai.BadRequestError):
        client.audio.transcriptions.create(model=MODEL, file=("a.wav", AUDIO))
    speak(front, "nobody").assert_error(404, None, "model_not_found")
    post(front, "/v1/audio/speech", {"input": "Hello"}).assert_error(400, "model", "missing_required_parameter")
    assert not first.requests


def test_a_key_has_its_models(front, first, second):
    body = {"model": "voice", "input": "Hello"}
    post(front, "/v1/audio/speech", body, "sk-test-bob-0123456789").assert_error(404, None, "model_not_found")
    hidden = {"model": "shared", "Model": "voice", "input": "Hello"}
    post(front, "/v1/audio/speech", hidden, "sk-test-bob-0123456789").assert_error(400, "model", "invalid_value")
    assert post(front, "/v1/audio/speech", {**body, "model": "shared"}, "sk-test-bob-0123456789").status == 200
    assert [request.fields["model"] for request in first.requests] == ["shared"]
    assert front.request("POST", "/v1/audio/speech", body).status == 401


def test_a_damaged_form_is_refused(front, first):
    headers = {**bearer(), "Content-Type": "multipart/form-data; boundary=b"}
    for body in (b"", b"--b\r\n\r\n", b'--b\r\nContent-Disposition: form-data; name="model"\r\n\r\nvoice'):
        front.request("POST", "/v1/audio/transcriptions", body, headers).assert_error(400, None, "invalid_form")
    front.request("POST", "/v1/audio/transcriptions", {"model": "voice"}, bearer()).assert_error(415, None, None)
    assert not first.requests


# Failures


def test_a_missing_route_names_the_upstream(front, first):
    first.fault = lambda handler: handler.refuse(404, "Not Found")
    message = speak(front).assert_error(400, "model", "unsupported_by_upstream")
    assert "'one'" in message and "POST /v1/audio/speech" in message


def test_mistakes_keep_their_status_and_field(front, first):
    first.fault = lambda handler: handler.refuse(422, "the voice is unknown", param="voice", code="bad_voice")
    assert speak(front).assert_error(422, "voice", "bad_voice") == "the voice is unknown"


def mend(front, upstream):
    """Waits until the upstream gets requests again after its failures."""
    upstream.fault = None

    def works():
        return speak(front, "one/shared").status == 200

    wait_until(works, "the end of the pause")
    upstream.requests.clear()


@pytest.mark.parametrize("status", [429, 503, 404])
def test_another_replica_is_asked_if_nothing_happened(front, first, second, status):
    mend(front, first)
    first.fault = lambda handler: handler.refuse(status, "not now", headers={"retry-after": "1"})
    answer = speak(front, "shared")
    assert answer.status == 200 and answer.headers["x-shimmy-upstream"] == "two" and answer.body == AUDIO
    assert len(first.requests) == len(second.requests) == 1


def test_nothing_is_repeated_that_may_have_happened(front, first, second):
    mend(front, first)
    first.fault = lambda handler: handler.refuse(500, "out of memory")
    speak(front, "shared").assert_error(502, None, "upstream_failed", "server_error")
    assert len(first.requests) == 1 and not second.requests


def test_audio_that_breaks_is_not_taken_for_whole(front, first):
    mend(front, first)

    def fault(handler):
        handler.begin("audio/mpeg")
        handler.piece(AUDIO[:1000])
        handler.connection.shutdown(socket.SHUT_RDWR)
        handler.close_connection = True

    first.fault = fault
    with pytest.raises(http.client.IncompleteRead) as failure:
        speak(front)
    assert AUDIO.startswith(failure.value.partial)


def test_events_that_break_end_with_an_error(front, first):
    mend(front, first)

    def fault(handler):
        handler.begin("text/event-stream")
        handler.piece(b'data: {"type": "a"}\n\ndata: {"type": "par')
        handler.connection.shutdown(socket.SHUT_RDWR)
        handler.close_connection = True

    first.fault = fault
    answer = post(front, "/v1/images/generations", {"model": "voice", "prompt": "a cat", "stream": True})
    assert answer.events[0] == {"type": "a"} and answer.events[1]["error"]["code"] == "upstream_interrupted"
    assert len(answer.events) == 2


@pytest.mark.parametrize("has_begun", [False, True])
def test_a_disconnect_closes_the_upstreams_request(front, first, has_begun):
    mend(front, first)

    def fault(handler):
        if has_begun:
            handler.begin("audio/mpeg")
            handler.piece(AUDIO[:1000])
        handler.wait_for_end()

    first.fault = fault
    connection = front.connection()
    headers = {"Content-Type": "application/json", **bearer()}
    connection.request("POST", "/v1/audio/speech", json.dumps({"model": "voice", "input": "Hello"}), headers)
    if has_begun:
        connection.getresponse().read(10)
    else:
        wait_until(lambda: first.requests, "the request at the upstream")
    connection.sock.shutdown(socket.SHUT_RDWR)
    connection.close()
    assert first.gone.wait(30)


# Accounting


def test_requests_are_counted_with_the_tokens_of_their_usage(front, first):
    def used() -> list:
        printed = run(front.home, "usage", "--json", "--by", "key", "--by", "endpoint")
        assert printed.returncode == 0, printed.stderr
        rows = [row for row in json.loads(printed.stdout) if row["key"] == "cora"]
        return [[row[name] for name in ("endpoint", "requests", "input_tokens", "output_tokens")] for row in rows]

    with OpenAI(base_url=front.url + "/v1", api_key="sk-test-cora-0123456789", max_retries=0, timeout=60) as cora:
        cora.images.generate(model="voice", prompt="a cat")
    wait_until(lambda: used() == [["/v1/images/generations", 1, 11, 5]], "the record of the use")


def test_the_log_names_the_request(client, front, first):
    client.audio.transcriptions.create(model="nick", file=("a.wav", AUDIO))

    def lines():
        return [line for line in front.log.read_text().splitlines() if "path=/v1/audio/transcriptions" in line and "status=200" in line]

    wait_until(lines, "the line in the log")
    assert "model=voice" in lines()[-1] or "model=one/voice" in lines()[-1]
