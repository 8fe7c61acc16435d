"""The page's list of requests in a browser: times, texts, copies as programs, the keyboard, hostile texts."""

import json
import shutil
import subprocess
import sys

import pytest

from page_views import browser, check_everybody_can_use, expect, is_too_wide, opened, tab_to  # noqa: F401
from server import MODEL, Server

HOSTILE = "<script>window.hacked = 1</script><img src=x onerror='window.hacked = 1'>\u202e"


@pytest.fixture(scope="module")
def inspected(home):
    with Server(home, "--inspect-requests") as server:
        yield server


@pytest.fixture
def page(browser, inspected):  # noqa: F811
    with opened(browser, inspected) as page:
        page.context.grant_permissions(["clipboard-read", "clipboard-write"])
        yield page


def rows(page):
    return page.locator("a.request")


def ask(server, text: str = "Say hello.", **fields) -> str:
    """Sends a chat completion and returns the id of the request."""
    return server.chat(text, **fields).headers["x-request-id"]


def row(page, request: str):
    return page.locator(f'a.request[data-id="{request}"]')


def test_a_request_appears_when_it_ends(page, inspected):
    page.goto("/#/requests")
    expect(page.get_by_role("status").filter(has_text="live")).to_be_visible()
    request = ask(inspected)
    expect(row(page, request)).to_contain_text(MODEL)
    expect(row(page, request)).to_contain_text("/v1/chat/completions")
    expect(row(page, request)).to_contain_text("out")
    expect(rows(page).first).to_have_attribute("data-id", request)
    check_everybody_can_use(page, "the list")


def test_one_request_shows_where_its_time_went(page, inspected):
    ask(inspected, "Tell me about whales.")
    request = ask(inspected, "Tell me about whales.")
    facts = inspected.request("GET", f"/admin/requests/{request}").json
    page.goto("/#/requests")
    row(page, request).click()
    page.wait_for_url(f"**/#/requests/{request}")
    for part in ("Waiting", "Prompt", "Answer"):
        expect(page.locator(".waterfall li").filter(has_text=part)).to_be_visible()
    expect(page.get_by_role("heading", name="Tokens").locator("..")).to_contain_text(str(facts["cached_tokens"]))
    expect(page.locator(".facts")).to_contain_text(request)
    page.get_by_role("link", name="All requests").click()
    expect(row(page, request)).to_be_focused()


def test_the_prompt_has_tokens_and_the_end_of_the_cache(page, inspected):
    ask(inspected, "Why do whales sing?")
    request = ask(inspected, "Why do whales dive?")
    facts = inspected.request("GET", f"/admin/requests/{request}").json
    prompt = facts["prompts"][0]
    assert 0 < prompt["cached_tokens"] < prompt["tokens"]
    page.goto(f"/#/requests/{request}")
    expect(page.locator(".prompt .cached")).to_have_count(prompt["cached_tokens"])
    expect(page.locator(".prompt .computed")).to_have_count(prompt["tokens"] - prompt["cached_tokens"])
    expect(page.get_by_text("the cache ended here")).to_be_visible()
    shown = page.evaluate("[...document.querySelectorAll('.prompt .cached, .prompt .computed')].map(each => each.textContent).join('')")
    assert shown.replace("↵\n", "\n") == prompt["text"]
    page.get_by_role("button", name="Copy the prompt").click()
    assert page.evaluate("navigator.clipboard.readText()") == prompt["text"]
    page.locator("summary").filter(has_text="Body").click()
    expect(page.locator(".requests-code")).to_contain_text('"content": "Why do whales dive?"')
    expect(page.get_by_role("heading", name="Answer")).to_be_visible()
    check_everybody_can_use(page, "a request")


def copied(page, name: str) -> str:
    page.get_by_role("button", name=name).click()
    expect(page.get_by_text(name.replace("Copy", "Copied"))).to_be_visible()
    return page.evaluate("navigator.clipboard.readText()")


@pytest.mark.parametrize("stream", [False, True])
def test_copies_send_the_same_request(page, inspected, stream):
    text = "It's \"odd\" $HOME `x` \\ \n é 日本 👋 " + HOSTILE
    request = ask(inspected, text, stream=stream, seed=7)
    body = json.loads(inspected.request("GET", f"/admin/requests/{request}").json["body"]["text"])
    page.goto(f"/#/requests/{request}")
    python = subprocess.run([sys.executable, "-c", copied(page, "Copy as Python")], capture_output=True, text=True, timeout=60)
    assert python.returncode == 0, python.stderr
    assert ("data: [DONE]" in python.stdout) == stream
    if shutil.which("curl") is not None:
        curl = subprocess.run(["sh", "-c", copied(page, "Copy as curl")], capture_output=True, text=True, timeout=60)
        assert curl.returncode == 0 and ("data: [DONE]" in curl.stdout) == stream, curl.stderr
    sent = [inspected.request("GET", f"/admin/requests/{each['id']}").json for each in inspected.request("GET", "/admin/requests?limit=2").json["data"]]
    assert all(json.loads(each["body"]["text"]) == body for each in sent if each["inspected"])


def test_texts_of_clients_stay_texts(page, inspected):
    request = ask(inspected, HOSTILE + "x" * 5000)
    page.goto(f"/#/requests/{request}")
    page.locator("summary").filter(has_text="Body").click()
    expect(page.locator(".requests-code")).to_contain_text("<script>")
    assert page.evaluate("window.hacked === undefined && document.querySelectorAll('main script, main img').length === 0")
    assert not is_too_wide(page)


def test_the_filter_finds_failed_requests(page, inspected):
    good = ask(inspected)
    bad = inspected.chat(temperature=9).headers["x-request-id"]
    page.goto("/#/requests")
    expect(row(page, good)).to_be_visible()
    page.get_by_label("Which requests").select_option("failed")
    expect(row(page, bad)).to_contain_text("error 400")
    expect(row(page, good)).to_have_count(0)
    page.get_by_label("Filter").fill("there is no such request")
    expect(page.get_by_text("No request matches the filter.")).to_be_visible()


def test_the_keyboard_is_enough(page, inspected):
    older, newer = ask(inspected), ask(inspected)
    page.goto("/#/requests")
    expect(row(page, newer)).to_be_visible()
    tab_to(page, rows(page).first)
    page.keyboard.press("j")
    expect(row(page, older)).to_be_focused()
    page.keyboard.press("Enter")
    page.wait_for_url(f"**/#/requests/{older}")
    expect(page.get_by_role("heading", level=1)).to_be_focused()
    page.keyboard.press("k")
    page.wait_for_url(f"**/#/requests/{newer}")
    page.keyboard.press("u")
    expect(row(page, newer)).to_be_focused()
    page.keyboard.press("/")
    expect(page.get_by_label("Filter")).to_be_focused()


def test_a_request_that_is_gone(page):
    page.goto("/#/requests/req_none")
    expect(page.get_by_role("heading", name="This request is not kept any more")).to_be_visible()


def test_without_the_switch_there_are_no_texts(browser, server):  # noqa: F811
    request = ask(server, "A secret question.")
    with opened(browser, server) as page:
        page.goto(f"/#/requests/{request}")
        expect(page.get_by_text("The server does not keep texts of requests.")).to_be_visible()
        expect(page.get_by_text("--inspect-requests")).to_be_visible()
        expect(page.get_by_role("button", name="Copy as curl")).to_have_count(0)
        assert "secret question" not in page.content()


def test_only_admins_see_requests(page):
    page.route("**/admin/requests*", lambda route: route.fulfill(status=403, content_type="application/json", body='{"error": {"message": "No."}}'))
    page.goto("/#/requests")
    expect(page.get_by_role("heading", name="This needs an admin's key")).to_be_visible()
