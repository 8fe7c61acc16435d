"""The page's view of the engine in a browser: running and waiting answers, pausing, lost connections, hostile names."""

import json
import threading

import pytest

from page_views import browser, check_everybody_can_use, expect, is_too_wide, opened, tab_to  # noqa: F401
from server import MODEL, Server, wait_until

STORY = "Write a very long story about a whale."


@pytest.fixture(scope="module")
def watched(home):
    """A server that runs one sequence at a time."""
    with Server(home, "--slots", "1") as server:
        assert server.request("POST", "/v1/models/load", {"model": MODEL}).status == 200
        yield server


@pytest.fixture
def page(browser, watched):  # noqa: F811
    with opened(browser, watched) as page:
        yield page


@pytest.fixture
def answers(watched):
    """A function that starts streamed answers, which end with the test."""
    connections = []

    def start(text: str = STORY):
        connection = watched.connection()
        body = {"model": MODEL, "messages": [{"role": "user", "content": text}], "stream": True, "max_tokens": 4000, "ignore_eos": True}
        connection.request("POST", "/v1/chat/completions", json.dumps(body), {"Content-Type": "application/json"})
        connections.append(connection)
        # The response begins with its first token, or waits.
        threading.Thread(target=read, args=[connection], daemon=True).start()

    def read(connection):
        try:
            while connection.getresponse().read(4096):
                pass
        except (OSError, ValueError, AttributeError):
            pass

    yield start
    for connection in connections:
        if connection.sock is not None:
            connection.sock.shutdown(2)
        connection.close()
    watched.wait_for(lambda engine: engine["running"] == 0 and engine["waiting"] == 0, "the end of the answers")


def sequences(page, stage: str):
    return page.locator(f'.now-sequences [data-stage="{stage}"]')


def in_flight(server) -> int:
    """Returns the number of other requests that the server is answering."""
    return server.request("GET", "/v1/engine").json["server"]["requests"]["in_flight"] - 1


def snapshot(**fields) -> str:
    return f"data: {json.dumps({'type': 'snapshot', 'time': 1, 'engine': {'data': []}, 'upstreams': [], 'requests': [], **fields})}\n\n"


def scripted(page, *events: str):
    """Answers the page's request for events with these events, again and again."""
    page.route("**/admin/events", lambda route: route.fulfill(status=200, content_type="text/event-stream", body="".join(events)))


def test_an_idle_server(page):
    page.goto("/#/now")
    expect(page.get_by_role("heading", name=MODEL)).to_be_visible()
    expect(page.get_by_text("Nothing is running. The next request starts at once.")).to_be_visible()
    expect(page.locator(".now-model")).to_contain_text("cells")
    expect(page.get_by_role("status").filter(has_text="live")).to_be_visible()
    expect(page.locator(".now-sequences")).to_be_hidden()
    check_everybody_can_use(page, "an idle server")


def test_an_answer_is_seen_while_it_runs(page, answers):
    page.goto("/#/now")
    answers()
    expect(sequences(page, "decode")).to_have_count(1)
    expect(sequences(page, "decode")).to_contain_text("tokens/s")
    expect(page.locator(".now-why")).to_contain_text("1 answer gets a token in each step")
    expect(page.locator(".now-figure").filter(has_text="Sequences")).to_contain_text("running of 1, 0 waiting")
    page.wait_for_function("Number(document.querySelector('.now-figure strong').textContent) > 0")
    check_everybody_can_use(page, "a running answer")


def test_what_waits_is_explained(page, answers):
    page.goto("/#/now")
    for _ in range(3):
        answers()
    expect(sequences(page, "waiting")).to_have_count(2)
    expect(page.locator(".now-sentences li").first).to_contain_text("2 sequences wait because one sequence runs at a time.")
    expect(sequences(page, "waiting").first).to_contain_text("waits for a place")


def test_a_sequence_leaves_the_list_at_its_end(page, watched):
    page.goto("/#/now")
    watched.chat("Say hello.", max_tokens=400, ignore_eos=True)
    expect(page.locator(".now-sequences li")).to_have_count(0)
    expect(page.locator(".now-figure").filter(has_text="First token")).to_contain_text("95 %")


def test_the_updates_pause_with_the_keyboard(page, watched):
    page.goto("/#/now")
    pause = page.get_by_role("button", name="Pause")
    expect(pause).to_be_visible()
    wait_until(lambda: in_flight(watched) == 1, "the stream")
    tab_to(page, pause)
    page.keyboard.press("Enter")
    expect(page.get_by_role("status").filter(has_text="paused")).to_be_visible()
    wait_until(lambda: in_flight(watched) == 0, "the end of the stream")
    page.keyboard.press("p")
    expect(page.get_by_role("status").filter(has_text="live")).to_be_visible()


def test_a_hidden_page_asks_for_nothing(page, watched):
    page.goto("/#/now")
    wait_until(lambda: in_flight(watched) == 1, "the stream")
    hide = "Object.defineProperty(document, 'hidden', { configurable: true, get: () => %s }); document.dispatchEvent(new Event('visibilitychange'))"
    page.evaluate(hide % "true")
    wait_until(lambda: in_flight(watched) == 0, "the end of the stream")
    page.evaluate(hide % "false")
    wait_until(lambda: in_flight(watched) == 1, "the stream")


def test_leaving_the_view_ends_the_stream(page, watched):
    page.goto("/#/now")
    wait_until(lambda: in_flight(watched) == 1, "the stream")
    page.goto("/#/help")
    wait_until(lambda: in_flight(watched) == 0, "the end of the stream")


def test_only_admins_see_the_engine(page):
    page.route("**/admin/events", lambda route: route.fulfill(status=403, content_type="application/json", body='{"error": {"message": "No."}}'))
    page.goto("/#/now")
    expect(page.get_by_role("heading", name="This needs an admin's key")).to_be_visible()
    expect(page.get_by_role("button", name="Pause")).to_have_count(0)
    check_everybody_can_use(page, "a refusal")


def test_a_server_without_the_stream_is_asked_each_second(page):
    page.route("**/admin/events", lambda route: route.fulfill(status=404, content_type="application/json", body="{}"))
    page.goto("/#/now")
    expect(page.get_by_role("heading", name=MODEL)).to_be_visible()
    expect(page.get_by_role("status").filter(has_text="live")).to_be_visible()


def test_a_lost_connection_is_tried_again(page):
    page.goto("/#/now")
    expect(page.get_by_role("heading", name=MODEL)).to_be_visible()
    page.get_by_role("button", name="Pause").click()
    page.route("**/admin/events", lambda route: route.abort())
    page.get_by_role("button", name="Resume").click()
    expect(page.get_by_role("status").filter(has_text="connecting again")).to_be_visible()
    page.unroute("**/admin/events")
    expect(page.get_by_role("status").filter(has_text="live")).to_be_visible()


def test_cells_sequences_and_upstreams_of_a_busy_server(page):
    name = "<script>hacked = 1</script>\u202e" + "x" * 300
    sequence = {"stage": "decode", "slot": 1, "prompt_tokens": 4000, "cached_tokens": 3000, "computed_tokens": 4100, "generated_tokens": 100}
    engine = {"memory": {"budget": 1000, "used": 1500}, "data": [{
        "model": name, "state": "loaded", "memory": {"weights": 10, "kv": 5, "devices": {"GPU0": 15}}, "running": 500, "running_limit": 500, "waiting": 7,
        "cells": {"used": 9000, "total": 8000}, "shared_cells": 3000, "stream_gap": 0.1, "steps": {"count": 9, "seconds": 1}, "generated_tokens": 5,
        "recent_steps": [{"prefill_rows": 9, "decode_rows": 3, "seconds": 0.3}] * 9,
        "sequences": [{"id": number, "owner": f"{name}{number}", **sequence} for number in range(500)],
        # Parents that are missing, or each other.
        "segments": [{"id": 1, "parent": 9, "cells": 3000, "slots": 3, "running": 2, "owners": [name]}, {"id": 2, "parent": 3, "cells": 10},
                     {"id": 3, "parent": 2, "cells": 10}, {"id": 4, "parent": 4, "cells": -5}, {}, None],
    }, {"model": "odd", "sequences": "none", "cells": None, "memory": [], "recent_steps": {}}, 5]}
    scripted(page, snapshot(engine=engine, upstreams=[{"name": name, "healthy": False, "obstacle": name, "running": 3}]))
    page.goto("/#/now")
    expect(page.locator(".now-sequences li")).to_have_count(40)
    expect(page.get_by_text("and 467 more")).to_be_visible()
    expect(page.locator(".now-why")).to_contain_text("A step takes 0.30 s, and the target between two tokens is 0.10 s.")
    expect(page.locator(".now-rest")).to_contain_text("does not answer")
    expect(page.get_by_role("heading", name="odd")).to_be_visible()
    assert page.evaluate("typeof hacked") == "undefined"
    assert not is_too_wide(page)


def test_many_updates_change_few_elements(page):
    """A view that is not left gets no larger."""
    models = [{"model": MODEL, "cells": {"used": 5, "total": 100}, "running": 1, "steps": {"count": number, "seconds": number}, "generated_tokens": number * 7,
               "sequences": [{"id": number, "owner": f"client {number}", "stage": "decode", "slot": 0}]} for number in range(1, 300)]
    scripted(page, *(snapshot(time=number, engine={"data": [model]}) for number, model in enumerate(models)))
    page.goto("/#/now")
    expect(page.locator(".now-sequences")).to_contain_text("client 299")
    assert page.locator(".now-sequences li").count() == 1
    assert page.evaluate("document.querySelectorAll('main *').length") < 400
