"""Images and audio in messages, which models of upstreams read."""

import base64
import json

import anthropic
import ollama
import openai
import pytest
from anthropic import Anthropic
from openai import OpenAI

from faulty_upstream import TEXT, FaultyUpstream, refusing, stream
from server import Server, wait_until
from terminal import Dialogue
from test_upstreams import faulty_table, front_home

PNG = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR4nGNgYGBgAAAABQABpfZFQAAAAABJRU5ErkJggg=="
)
DATA = base64.b64encode(PNG).decode()
URL = f"data:image/png;base64,{DATA}"
AUDIO = {"data": base64.b64encode(b"RIFF" + bytes(range(200))).decode(), "format": "wav"}
REMOTE = "https://example.com/cat.png"

# What a model of a server with OpenAI's API reads is unknown. An Ollama says it.
ABILITIES = {"seer": ["completion", "vision"], "reader": ["completion"]}


def facts(path: str, body):
    if path == "/api/tags":
        return {"models": [{"name": name, "model": name} for name in ABILITIES]}
    if path == "/api/show":
        return {"capabilities": ABILITIES[body["model"]], "model_info": {}}
    return {"version": "0.13.0"} if path == "/api/version" else None


@pytest.fixture(scope="module")
def unknown():
    with FaultyUpstream("mystery") as upstream:
        yield upstream


@pytest.fixture(scope="module")
def known():
    with FaultyUpstream(*ABILITIES, facts=facts) as upstream:
        yield upstream


@pytest.fixture(scope="module")
def front(tmp_path_factory, unknown, known):
    tables = [faulty_table(unknown, "unknown"), faulty_table(known, "known", kind="ollama")]
    home = front_home(tmp_path_factory.mktemp("front"), *tables)
    with Server(home, "--inspect-requests") as server:
        wait_until(lambda: {"mystery", *ABILITIES} <= set(models(server)), "the list of models")
        yield server


@pytest.fixture(autouse=True)
def without_faults(unknown):
    unknown.fault = None
    yield
    unknown.fault = None


@pytest.fixture(scope="module")
def client(front):
    with OpenAI(base_url=front.url + "/v1", api_key="unused", max_retries=0, timeout=60) as client:
        yield client


@pytest.fixture(scope="module")
def anthropics(front):
    with Anthropic(base_url=front.url, api_key="unused", max_retries=0, timeout=60) as client:
        yield client


def models(server) -> dict:
    return {model["id"]: model["shimmy"]["capabilities"] for model in server.request("GET", "/v1/models").json["data"]}


def last(upstream) -> list:
    """Returns the content of the last message that the upstream got."""
    return upstream.requests[-1][1]["messages"][-1]["content"]


def image(url: str = URL, **fields) -> dict:
    return {"type": "image_url", "image_url": {"url": url, **fields}}


def text(value: str = "What is it?") -> dict:
    return {"type": "text", "text": value}


def test_the_list_says_what_models_read(front):
    found = models(front)
    assert found["seer"] == ["chat", "vision"] and found["reader"] == ["chat"] and found["mystery"] == ["chat"]
    assert front.request("POST", "/api/show", {"model": "seer"}).json["capabilities"] == ["completion", "tools", "vision"]


# The official clients


def test_chat_completions_take_images_and_audio(client, unknown, known):
    content = [text(), image(detail="low"), image(REMOTE), {"type": "input_audio", "input_audio": AUDIO}]
    answer = client.chat.completions.create(model="mystery", messages=[{"role": "user", "content": content}])
    assert answer.choices[0].message.content == TEXT
    assert last(unknown) == content
    chunks = client.chat.completions.create(model="seer", messages=[{"role": "user", "content": [image()]}], stream=True)
    assert "".join(chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices) == TEXT
    assert last(known) == [image()]


def test_responses_take_images_and_audio(client, unknown):
    content = [
        {"type": "input_text", "text": "What is it?"}, {"type": "input_image", "image_url": URL, "detail": "auto"},
        {"type": "input_audio", "input_audio": AUDIO},
    ]
    first = client.responses.create(model="mystery", input=[{"role": "user", "content": content}])
    assert first.output_text == TEXT
    sent = [text(), image(detail="auto"), {"type": "input_audio", "input_audio": AUDIO}]
    assert last(unknown) == sent
    # The stored response contains the parts, and the next one sends them again.
    assert [part.type for part in client.responses.input_items.list(first.id).data[0].content] == [part["type"] for part in content]
    client.responses.create(model="mystery", input="Are you sure?", previous_response_id=first.id)
    messages = unknown.requests[-1][1]["messages"]
    assert [message["content"] for message in messages] == [sent, TEXT, "Are you sure?"]
    # A model that reads no images cannot continue.
    with pytest.raises(openai.BadRequestError) as refused:
        client.responses.create(model="reader", input="And you?", previous_response_id=first.id)
    assert (refused.value.param, refused.value.code) == ("previous_response_id", "unsupported_value")


def test_a_conversation_keeps_its_images(client, known):
    item = {"type": "message", "role": "user", "content": [{"type": "input_image", "image_url": URL, "detail": "high"}]}
    conversation = client.conversations.create(items=[item])
    client.responses.create(model="seer", conversation=conversation.id, input="What is it?")
    assert known.requests[-1][1]["messages"][0]["content"] == [image(detail="high")]
    with pytest.raises(openai.BadRequestError) as refused:
        client.responses.create(model="reader", conversation=conversation.id, input="And you?")
    assert refused.value.param == "conversation"


def test_messages_take_images(anthropics, unknown):
    content = [
        {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": DATA}}, text(),
        {"type": "image", "source": {"type": "url", "url": REMOTE}},
    ]
    answer = anthropics.messages.create(model="mystery", max_tokens=9, messages=[{"role": "user", "content": content}])
    assert answer.content[0].text == TEXT
    assert last(unknown) == [image(), text(), image(REMOTE)]


def test_ollamas_chats_take_images(front, known):
    client = ollama.Client(host=front.url)
    answer = client.chat("seer", [{"role": "user", "content": "What is it?", "images": [PNG]}])
    assert answer.message.content == TEXT and last(known) == [text(), image()]
    assert client.generate("seer", "What is it?", images=[PNG]).response == TEXT
    assert last(known) == [text(), image()]


# Outputs of tools

OMITTED = "[image omitted: this model reads only text]"
MOVED = "[image 1: see the user's next message]"
CALL = {"id": "c", "type": "function", "function": {"name": "look", "arguments": "{}"}}
# The same conversation in each API: a call whose output has an image.
CHAT = [
    {"role": "user", "content": "Look."}, {"role": "assistant", "tool_calls": [CALL]},
    {"role": "tool", "tool_call_id": "c", "content": [text("Seen:"), image()]},
]
ITEMS = [
    {"role": "user", "content": "Look."}, {"type": "function_call", "call_id": "c", "name": "look", "arguments": "{}"},
    {"type": "function_call_output", "call_id": "c", "output": [{"type": "input_text", "text": "Seen:"}, {"type": "input_image", "image_url": URL}]},
]
TURNS = [
    {"role": "user", "content": "Look."}, {"role": "assistant", "content": [{"type": "tool_use", "id": "c", "name": "look", "input": {}}]},
    {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "c", "content": [
        {"type": "text", "text": "Seen:"}, {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": DATA}}]}]},
]
ASKS = {
    "chat": ("/v1/chat/completions", {"messages": CHAT}), "responses": ("/v1/responses", {"input": ITEMS}),
    "messages": ("/v1/messages", {"messages": TURNS, "max_tokens": 9}),
}


@pytest.mark.parametrize("api", ASKS)
def test_images_in_outputs_reach_models_that_read_them(front, unknown, known, api):
    path, body = ASKS[api]
    for upstream, model in ((unknown, "mystery"), (known, "seer")):
        answer = front.request("POST", path, {"model": model, **body})
        assert answer.status == 200 and answer.headers["x-shimmy-normalized"] == "moved-media", answer.body
        *_, output, user = upstream.requests[-1][1]["messages"]
        assert (output["role"], output["content"]) == ("tool", f"Seen:\n{MOVED}")
        assert (user["role"], user["content"]) == ("user", [text("[image 1]"), image()])
    answer = front.request("POST", path, {"model": "reader", **body})
    assert answer.status == 200 and answer.headers["x-shimmy-ignored-params"]
    assert known.requests[-1][1]["messages"][-1]["content"] == f"Seen:\n{OMITTED}"


@pytest.mark.parametrize("api", ASKS)
def test_an_upstream_that_refuses_images_in_outputs_gets_none(front, unknown, api):
    refuse = refusing(400, "mystery is not a multimodal model")

    def fault(handler):
        if "image_url" in json.dumps(handler.body):
            return refuse(handler)
        handler.send(stream("mystery"))

    unknown.fault = fault
    before = len(unknown.requests)
    path, body = ASKS[api]
    answer = front.request("POST", path, {"model": "mystery", **body})
    assert answer.status == 200 and answer.headers["x-shimmy-normalized"] == "omitted-media", answer.body
    assert len(unknown.requests) == before + 2
    assert unknown.requests[-1][1]["messages"][-1]["content"] == f"Seen:\n{OMITTED}"


def test_a_stored_image_in_an_output_is_a_text_for_other_models(client, known):
    first = client.responses.create(model="seer", input=ITEMS)
    assert known.requests[-1][1]["messages"][-1]["content"] == [text("[image 1]"), image()]
    client.responses.create(model="reader", input="Are you sure?", previous_response_id=first.id)
    contents = [message["content"] for message in known.requests[-1][1]["messages"] if message["role"] == "tool"]
    assert contents == [f"Seen:\n{OMITTED}"]


# Refusals


def test_a_model_that_reads_no_images_refuses_them(front, client, anthropics, known):
    before = len(known.requests)
    with pytest.raises(openai.BadRequestError) as refused:
        client.chat.completions.create(model="reader", messages=[{"role": "user", "content": [text(), image()]}])
    assert (refused.value.param, refused.value.code) == ("messages[0].content[1].type", "unsupported_value")
    with pytest.raises(openai.BadRequestError) as refused:
        client.responses.create(model="reader", input=[{"role": "user", "content": [{"type": "input_image", "image_url": URL, "detail": "auto"}]}])
    assert (refused.value.param, refused.value.code) == ("input[0].content[0].type", "unsupported_value")
    with pytest.raises(anthropic.BadRequestError, match=r"messages\[0\]\.content\[0\]\.type"):
        block = {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": DATA}}
        anthropics.messages.create(model="reader", max_tokens=9, messages=[{"role": "user", "content": [block]}])
    with pytest.raises(ollama.ResponseError, match="images") as refused:
        ollama.Client(host=front.url).chat("reader", [{"role": "user", "content": "What?", "images": [PNG]}])
    assert refused.value.status_code == 400
    audio = [{"type": "input_audio", "input_audio": AUDIO}]
    front.chat(model="seer", messages=[{"role": "user", "content": audio}]).assert_error(400, "messages[0].content[0].type", "unsupported_value")
    assert len(known.requests) == before


def test_the_refusal_of_an_upstream_is_passed_on(client, unknown):
    unknown.fault = refusing(400, "mystery is not a multimodal model")
    with pytest.raises(openai.BadRequestError, match="not a multimodal model"):
        client.chat.completions.create(model="mystery", messages=[{"role": "user", "content": [image()]}])


@pytest.mark.parametrize(
    "content, path, code",
    [
        (image("data:image/png;base64,A?=="), "image_url.url", "invalid_value"), (image("data:text/plain;base64,AAAA"), "image_url.url", "invalid_value"),
        (image("file:///etc/passwd"), "image_url.url", "invalid_value"), (image("https://" + "a" * 9000), "image_url.url", "string_above_max_length"),
        (image(URL, detail="best"), "image_url.detail", "invalid_value"),
        ({"type": "input_audio", "input_audio": {"data": "?", "format": "wav"}}, "input_audio.data", "invalid_value"),
    ],
)
def test_mistakes_name_their_field(front, unknown, content, path, code):
    before = len(unknown.requests)
    answer = front.chat(model="mystery", messages=[{"role": "user", "content": [content]}])
    answer.assert_error(400, f"messages[0].content[0].{path}", code)
    assert len(unknown.requests) == before


def test_a_file_of_the_responses_api_is_refused(front):
    body = {"model": "mystery", "input": [{"role": "user", "content": [{"type": "input_image", "file_id": "file-1"}]}]}
    front.request("POST", "/v1/responses", body).assert_error(400, "input[0].content[0].file_id", "unsupported_parameter")


def test_mistakes_in_ollamas_images_name_their_field(front):
    answer = front.request("POST", "/api/chat", {"model": "seer", "messages": [{"role": "user", "content": "a", "images": ["AAAA"]}]})
    assert answer.status == 400 and "messages[0].images[0]" in answer.json["error"]


# Bounds


def test_an_inspected_request_has_no_data_of_media(front, unknown):
    large = base64.b64encode(PNG + bytes(range(256)) * 4000).decode()
    content = [text("Look at this."), image(f"data:image/png;base64,{large}"), {"type": "input_audio", "input_audio": AUDIO}]
    answer = front.chat(model="mystery", messages=[{"role": "user", "content": content}])
    assert answer.status == 200 and last(unknown) == content
    record = front.request("GET", f"/admin/requests/{answer.headers['x-request-id']}")
    body = json.dumps(record.json["body"])
    assert "Look at this." in body and f"[{len(large)} characters of base64]" in body
    assert large[:100] not in body and AUDIO["data"] not in body
    assert large[1000:1100] not in front.log.read_text()


def test_the_number_of_images_is_limited(front):
    content = [image(REMOTE)] * 257
    front.chat(model="mystery", messages=[{"role": "user", "content": content}]).assert_error(400, "messages", "limit_exceeded")


# The terminal


def test_a_conversation_in_a_terminal_takes_images(front, tmp_path, known):
    file = tmp_path / "dot.png"
    file.write_bytes(PNG)
    host = ["--host", f"127.0.0.1:{front.port}"]
    with Dialogue(tmp_path, *host, "seer") as dialogue:
        assert "is not a PNG, JPEG, GIF or WebP image" in dialogue.say(f"/image {__file__}")
        assert "cannot be read" in dialogue.say("/image /no/such/file")
        assert "The next message has 1 image." in dialogue.say(f"/image {file}")
        assert dialogue.say("What is it?") == TEXT
        assert last(known) == [image(), text()]
        dialogue.say("Are you sure?")
        assert [message["content"] for message in known.requests[-1][1]["messages"]] == [[image(), text()], TEXT, "Are you sure?"]
        assert dialogue.say("/show messages").startswith("user: What is it? (1 image)\n")
        assert dialogue.end() == 0
    with Dialogue(tmp_path, *host, "reader") as dialogue:
        assert "reader cannot read images." in dialogue.say(f"/image {file}")
