"""Stored chat completions, with OpenAI's client and its types."""

import openai
import pytest
from openai import OpenAI
from openai.types.chat import ChatCompletion, ChatCompletionDeleted

from server import MODEL, Server, make_home
from strictly import strictly

MESSAGES = [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Say hello."}]


def stored(client, messages=MESSAGES, **fields):
    return client.chat.completions.create(model=MODEL, messages=messages, max_tokens=4, temperature=0, store=True, **fields)


def test_a_stored_completion_is_found_again(client, server):
    answer = stored(client, metadata={"topic": "greeting"})
    found = client.chat.completions.retrieve(answer.id)
    assert found.model_dump(exclude={"metadata"}) == answer.model_dump(exclude={"metadata"})
    raw = server.request("GET", f"/v1/chat/completions/{answer.id}").json
    assert raw.pop("metadata") == {"topic": "greeting"}
    strictly(ChatCompletion, raw)


def test_a_streamed_completion_is_stored_whole(client):
    chunks = list(stored(client, stream=True, n=2))
    found = client.chat.completions.retrieve(chunks[0].id)
    for choice in found.choices:
        own = [chunk.choices[0] for chunk in chunks if chunk.choices[0].index == choice.index]
        assert "".join(part.delta.content or "" for part in own) == choice.message.content
        assert own[-1].finish_reason == choice.finish_reason
    assert found.usage.completion_tokens > 0


def test_what_is_not_to_be_stored_is_not(client, server):
    answers = [server.chat(), server.chat(store=False), server.chat(store=None)]
    for answer in answers:
        assert "x-shimmy-ignored-params" not in answer.headers
        server.request("GET", f"/v1/chat/completions/{answer.json['id']}").assert_error(404, None, None)


def test_stored_completions_are_listed(tmp_path):
    with Server(make_home(tmp_path)) as server, OpenAI(base_url=server.url + "/v1", api_key="unused", max_retries=0, timeout=60) as client:
        ids = [stored(client, metadata={"run": str(number % 2), "all": "yes & no+1"}).id for number in range(5)]

        def listed(**filters) -> list:
            """Returns the objects of all pages, which the client iterates."""
            return [one.id for one in client.chat.completions.list(**filters)]

        assert listed() == listed(limit=2) == ids
        assert listed(order="desc") == listed(order="desc", limit=1) == ids[::-1]
        assert listed(metadata={"run": "1", "all": "yes & no+1"}, model=MODEL) == [ids[1], ids[3]]
        assert listed(model="another") == listed(metadata={"run": "2"}) == listed(metadata={"all": "yes & no+1", "none": ""}) == []
        page = server.request("GET", "/v1/chat/completions?limit=2&order=desc").json
        assert list(page) == ["object", "data", "first_id", "last_id", "has_more"]
        assert (page["object"], page["first_id"], page["last_id"], page["has_more"]) == ("list", ids[4], ids[3], True)
        # An invalid filter is an error, like any unknown parameter of the list.
        for query, param, code in (
            ("metadata=x", "metadata", "invalid_type"), ("metadata[run=1", "metadata[run", "unknown_parameter"), ("metadat[run]=1", "metadat[run]", "unknown_parameter"),
            ("limit=2&before=x", "before", "unknown_parameter"), ("Model=x", "Model", "unknown_parameter"), ("model[]=x", "model[]", "unknown_parameter"),
            ("=x", "", "unknown_parameter"),
        ):
            server.request("GET", "/v1/chat/completions?" + query).assert_error(400, param, code)
        server.request("GET", f"/v1/chat/completions/{ids[0]}/messages?model=x").assert_error(400, "model", "unknown_parameter")
        empty = server.request("GET", "/v1/chat/completions?model=another").json
        assert empty == {"object": "list", "data": [], "first_id": "", "last_id": "", "has_more": False}


def test_metadata_can_be_replaced(client):
    answer = stored(client, metadata={"a": "1", "b": "2"})
    assert client.chat.completions.update(answer.id, metadata={"c": "3"}).metadata == {"c": "3"}
    assert client.chat.completions.retrieve(answer.id).metadata == {"c": "3"}
    assert client.chat.completions.update(answer.id, metadata=None).metadata == {}


def test_a_deleted_completion_is_gone(client, server):
    answer = stored(client)
    strictly(ChatCompletionDeleted, server.request("DELETE", f"/v1/chat/completions/{answer.id}").body)
    for call in (client.chat.completions.retrieve, client.chat.completions.delete, client.chat.completions.messages.list):
        with pytest.raises(openai.NotFoundError):
            call(answer.id)
    with pytest.raises(openai.NotFoundError):
        client.chat.completions.update(answer.id, metadata={})


def test_the_messages_of_a_stored_completion(client):
    parts = [{"type": "text", "text": "Say"}, {"type": "text", "text": "hello."}]
    call = {"id": "c1", "type": "function", "function": {"name": "greet", "arguments": "{}"}}
    history = [
        {"role": "system", "content": "Be brief."},
        {"role": "user", "content": parts, "name": "ann"},
        {"role": "assistant", "content": None, "tool_calls": [call]},
        {"role": "tool", "tool_call_id": "c1", "content": "hi"},
    ]
    answer = stored(client, history)
    messages = [message.to_dict() for message in client.chat.completions.messages.list(answer.id, limit=1)]
    assert [message["role"] for message in messages] == ["system", "user", "assistant", "tool"]
    assert [message["id"] for message in messages] == [f"{answer.id}-{index}" for index in range(4)]
    assert [message["content"] for message in messages] == ["Be brief.", "Say\nhello.", None, "hi"]
    assert [message["content_parts"] for message in messages] == [None, parts, None, None]
    assert messages[1]["name"] == "ann" and messages[2]["tool_calls"] == [call] and messages[3]["tool_call_id"] == "c1"
    newest = client.chat.completions.messages.list(answer.id, order="desc", limit=2)
    assert [message.id for message in newest.data] == [f"{answer.id}-3", f"{answer.id}-2"]


@pytest.mark.parametrize(
    ("metadata", "param", "code"),
    [
        ({str(number): "v" for number in range(17)}, "metadata", "object_above_max_properties"),
        ({"k" * 65: "v"}, "metadata", "string_above_max_length"),
        ({"k": "v" * 513}, "metadata.k", "string_above_max_length"),
        ({"k": 1}, "metadata.k", "invalid_type"),
        ([], "metadata", "invalid_type"),
    ],
)
def test_limits_of_metadata(server, client, metadata, param, code):
    server.chat(store=True, metadata=metadata).assert_error(400, param, code)
    server.request("POST", f"/v1/chat/completions/{stored(client).id}", {"metadata": metadata}).assert_error(400, param, code)


def test_the_largest_metadata_is_taken(client):
    metadata = {f"{number:064}": "é" * 512 for number in range(16)}
    assert client.chat.completions.retrieve(stored(client, metadata=metadata).id).metadata == metadata


def test_metadata_is_for_what_is_stored(server):
    message = server.chat(metadata={"k": "v"}).assert_error(400, "metadata", None)
    assert "'store'" in message
    assert server.chat(metadata={}).status == 200
    server.chat(store="yes").assert_error(400, "store", "invalid_type")


@pytest.mark.parametrize(
    ("query", "param", "code"),
    [
        ("limit=0", "limit", "integer_below_min_value"), ("limit=101", "limit", "integer_above_max_value"), ("limit=x", "limit", "invalid_type"),
        ("order=up", "order", "invalid_value"), ("after=chatcmpl-none", "after", "invalid_value"),
    ],
)
def test_a_list_that_cannot_be_is_refused(server, query, param, code):
    server.request("GET", f"/v1/chat/completions?{query}").assert_error(400, param, code)
