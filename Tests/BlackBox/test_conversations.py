"""The Conversations API, with OpenAI's client and its types."""

from concurrent.futures import ThreadPoolExecutor

import openai
import pytest
from openai.types.conversations import Conversation, ConversationDeletedResource, ConversationItem, ConversationItemList

from strictly import strictly

USER = {"type": "message", "role": "user", "content": "Hello!"}
CALL = {"type": "function_call", "call_id": "c1", "name": "greet", "arguments": "{}"}
OUTPUT = {"type": "function_call_output", "call_id": "c1", "output": "hi"}
THOUGHT = {"type": "reasoning", "summary": [{"type": "summary_text", "text": "Greet."}]}
ANSWER = {"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": "Hi!", "annotations": []}]}


def post(server, path, body=None):
    return server.request("POST", "/v1/conversations" + path, body)


def test_a_conversation_begins_empty_or_with_items(client, server):
    empty = strictly(Conversation, post(server, "", {}).body)
    assert empty.id.startswith("conv_") and empty.metadata == {}
    assert list(client.conversations.items.list(empty.id)) == []
    # A request without a body creates a conversation without items.
    strictly(Conversation, server.request("POST", "/v1/conversations").body)
    conversation = client.conversations.create(items=[USER, CALL, OUTPUT], metadata={"topic": "demo"})
    assert conversation.metadata == {"topic": "demo"}
    assert [item.type for item in client.conversations.items.list(conversation.id, order="asc")] == [
        "message", "function_call", "function_call_output",
    ]
    assert client.conversations.retrieve(conversation.id) == conversation


def test_every_kind_of_item_is_told_in_the_clients_types(server):
    conversation = post(server, "", {}).json["id"]
    added = post(server, f"/{conversation}/items", {"items": [USER, THOUGHT, CALL, OUTPUT, ANSWER]})
    strictly(ConversationItemList, added.body)
    assert added.json["has_more"] is False
    listed = server.request("GET", f"/v1/conversations/{conversation}/items?order=asc")
    assert listed.json["data"] == added.json["data"]
    strictly(ConversationItemList, listed.body)
    for item in listed.json["data"]:
        one = server.request("GET", f"/v1/conversations/{conversation}/items/{item['id']}")
        assert one.json == item
        strictly(ConversationItem, one.body)


def test_items_are_listed_in_pages(client, server):
    conversation = client.conversations.create()
    for first in range(0, 45, 15):
        items = [{"role": "user", "content": f"number {number}"} for number in range(first, first + 15)]
        client.conversations.items.create(conversation.id, items=items)
    texts = [item.content[0].text for item in client.conversations.items.list(conversation.id)]
    # The default order is newest first.
    assert texts == [f"number {number}" for number in range(45)][::-1]
    assert [item.content[0].text for item in client.conversations.items.list(conversation.id, order="asc", limit=7)] == texts[::-1]
    page = client.conversations.items.list(conversation.id, limit=2)
    assert len(page.data) == 2 and page.has_more and page.last_id == page.data[1].id
    path = f"/v1/conversations/{conversation.id}/items"
    server.request("GET", path + "?after=msg_none").assert_error(400, "after", "invalid_value")
    server.request("GET", path + "?limit=101").assert_error(400, "limit", "integer_above_max_value")
    server.request("GET", path + "?include[]=none").assert_error(400, "include", "invalid_value")
    server.request("GET", path + "?include[]=reasoning.encrypted_content&type=message").assert_error(400, "type", "unknown_parameter")


def test_what_items_tell_is_chosen(client):
    parts = [{"type": "output_text", "text": "Hi!", "annotations": [], "logprobs": [{"token": "Hi!", "bytes": [72], "logprob": -0.1, "top_logprobs": []}]}]
    conversation = client.conversations.create(items=[{**ANSWER, "content": parts}])
    [plain] = client.conversations.items.list(conversation.id)
    [full] = client.conversations.items.list(conversation.id, include=["message.output_text.logprobs"])
    assert plain.content[0].logprobs == []
    assert full.content[0].logprobs[0].token == "Hi!"


def test_items_can_be_deleted(client, server):
    conversation = client.conversations.create(items=[USER, ANSWER])
    first, second = client.conversations.items.list(conversation.id, order="asc")
    left = server.request("DELETE", f"/v1/conversations/{conversation.id}/items/{first.id}")
    assert strictly(Conversation, left.body).id == conversation.id
    assert [item.id for item in client.conversations.items.list(conversation.id)] == [second.id]
    for call in (client.conversations.items.retrieve, client.conversations.items.delete):
        with pytest.raises(openai.NotFoundError, match="Item with id"):
            call(first.id, conversation_id=conversation.id)


def test_a_conversation_is_renamed_and_deleted(client, server):
    conversation = client.conversations.create(metadata={"topic": "demo"})
    assert client.conversations.update(conversation.id, metadata={"topic": "other"}).metadata == {"topic": "other"}
    strictly(ConversationDeletedResource, server.request("DELETE", f"/v1/conversations/{conversation.id}").body)
    for call in (client.conversations.retrieve, client.conversations.delete, client.conversations.items.list):
        with pytest.raises(openai.NotFoundError, match="Conversation with id"):
            call(conversation.id)
    with pytest.raises(openai.NotFoundError):
        client.conversations.items.create(conversation.id, items=[USER])


def test_items_that_cannot_be_are_refused(client, server):
    conversation = client.conversations.create(items=[USER])
    [item] = client.conversations.items.list(conversation.id)
    path = f"/{conversation.id}/items"
    post(server, path, {}).assert_error(400, "items", "missing_required_parameter")
    post(server, path, {"items": []}).assert_error(400, "items", "empty_array")
    post(server, path, {"items": [USER] * 21}).assert_error(400, "items", "array_above_max_length")
    post(server, path, {"items": [USER, {"type": "message", "role": "user"}]}).assert_error(
        400, "items[1].content", "missing_required_parameter")
    post(server, path, {"items": [{"type": "what"}]}).assert_error(400, "items[0].type", "invalid_value")
    post(server, path, {"items": [{**USER, "id": item.id}]}).assert_error(400, "items", "duplicate_item")
    post(server, path, {"items": [{"type": "item_reference", "id": "msg_none"}]}).assert_error(404, "items[0].id", None)
    post(server, f"/{conversation.id}", {}).assert_error(400, "metadata", "missing_required_parameter")
    assert len(list(client.conversations.items.list(conversation.id))) == 1


def test_an_output_without_its_call_is_not_stored(client, server):
    """Such an item would make every later response of the conversation an error."""
    post(server, "", {"items": [USER, OUTPUT]}).assert_error(400, "items[1].call_id", None)
    conversation = client.conversations.create(items=[USER])
    path = f"/{conversation.id}/items"
    post(server, path, {"items": [OUTPUT]}).assert_error(400, "items[0].call_id", None)
    post(server, path, {"items": [OUTPUT, CALL]}).assert_error(400, "items[0].call_id", None)
    assert len(list(client.conversations.items.list(conversation.id))) == 1
    assert post(server, path, {"items": [CALL]}).status == 200 and post(server, path, {"items": [OUTPUT]}).status == 200
    post(server, "/conv_none/items", {"items": [OUTPUT]}).assert_error(404, None, None)


def test_a_call_has_one_output(client, server):
    second = {**OUTPUT, "output": "hello"}
    post(server, "", {"items": [USER, CALL, OUTPUT, second]}).assert_error(400, "items[3].call_id", "duplicate_item")
    conversation = client.conversations.create(items=[USER, CALL, OUTPUT])
    path = f"/{conversation.id}/items"
    assert "c1" in post(server, path, {"items": [USER, second]}).assert_error(400, "items[1].call_id", "duplicate_item")
    assert len(list(client.conversations.items.list(conversation.id))) == 3
    # A later call may have the same ID.
    assert post(server, path, {"items": [CALL, second]}).status == 200


def test_outputs_that_arrive_together_are_all_checked(client, server):
    """Of the outputs of one call that arrive at the same time, one is stored."""
    conversation = client.conversations.create(items=[USER, CALL])
    path = f"/{conversation.id}/items"
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda number: post(server, path, {"items": [{**OUTPUT, "output": str(number)}]}), range(8)))
    assert sorted(answer.status for answer in answers) == [200] + [400] * 7
    assert len(list(client.conversations.items.list(conversation.id))) == 3


def test_an_item_can_be_named_instead_of_repeated(client):
    first = client.conversations.create(items=[USER])
    [item] = client.conversations.items.list(first.id)
    second = client.conversations.create(items=[{"type": "item_reference", "id": item.id}, ANSWER])
    assert [one.content[0].text for one in client.conversations.items.list(second.id, order="asc")] == ["Hello!", "Hi!"]


def test_the_own_conversations_are_listed(client, server):
    """OpenAI's API has no such list. Its form is that of other lists."""
    made = [client.conversations.create(metadata={"title": f"number {number}"}) for number in range(3)]
    ids = [conversation.id for conversation in made]
    first = server.request("GET", "/v1/conversations?limit=2").json
    assert (first["object"], [each["id"] for each in first["data"]], first["has_more"]) == ("list", ids[:0:-1], True)
    assert (first["first_id"], first["last_id"]) == (ids[2], ids[1])
    next_page = server.request("GET", f"/v1/conversations?limit=1&after={first['last_id']}").json
    assert [each["id"] for each in next_page["data"]] == [ids[0]]
    newest = first["data"][0]
    assert newest["metadata"] == {"title": "number 2"} and newest["shimmy"]["updated_at"] >= newest["created_at"]
    # Without the addition, an element is a conversation as OpenAI's client knows it.
    plain = {name: value for name, value in newest.items() if name != "shimmy"}
    assert plain == server.request("GET", f"/v1/conversations/{ids[2]}").json
    oldest = server.request("GET", f"/v1/conversations?order=asc&after={ids[1]}&limit=1").json
    assert [each["id"] for each in oldest["data"]] == [ids[2]]
    client.conversations.delete(ids[2])
    assert server.request("GET", "/v1/conversations?limit=1").json["data"][0]["id"] == ids[1]
    server.request("GET", f"/v1/conversations?after={ids[2]}").assert_error(400, "after", "invalid_value")
    server.request("GET", "/v1/conversations?limit=0").assert_error(400, "limit", "integer_below_min_value")
    server.request("GET", "/v1/conversations?owner=ann").assert_error(400, "owner", "unknown_parameter")


def test_a_server_without_storage_has_no_list(start):
    start("--no-store").request("GET", "/v1/conversations").assert_error(400, None, "storage_disabled")
