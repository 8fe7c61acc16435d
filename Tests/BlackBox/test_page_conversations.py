"""Conversations of the server in the chat list of the page: also those that another browser or program made."""

import re

import pytest

from page_views import browser, check_everybody_can_use, expect, forget_conversations, opened  # noqa: F401
from server import Server, make_home, run


@pytest.fixture
def page(browser, server):  # noqa: F811
    forget_conversations(server)
    with opened(browser, server) as page:
        yield page


def store(server, title: str | None, text: str = "Hi", headers: dict | None = None) -> str:
    body = {"items": [{"role": "user", "content": text}, {"role": "assistant", "content": "Hello you"}]}
    return server.request("POST", "/v1/conversations", {**body, **({"metadata": {"title": title}} if title else {})}, headers).json["id"]


def entries(page):
    return page.locator(".conversation")


def choose(page, title: str, text: str):
    page.get_by_role("button", name=f"Actions for {title}").click()
    page.get_by_role("menuitem", name=text).click()


def test_a_conversation_of_another_program_is_listed_and_opened(page, server):
    made = store(server, "A question of manners")
    store(server, None)
    page.goto("/")
    expect(entries(page)).to_have_count(2)
    expect(entries(page).filter(has_text="Without a title")).to_have_count(1)
    link = page.get_by_role("link", name="A question of manners")
    expect(link).to_contain_text("stored on the server")
    check_everybody_can_use(page, "list")
    link.click()
    expect(page.locator(".message.assistant")).to_contain_text("Hello you")
    # It is in this browser now, and listed once.
    expect(entries(page)).to_have_count(2)
    page.reload()
    expect(page.locator(".message.assistant")).to_contain_text("Hello you")
    expect(entries(page)).to_have_count(2)
    page.goto(f"/#/chat/{made}")
    expect(page.locator(".message.assistant")).to_contain_text("Hello you")


def test_a_listed_conversation_is_renamed_searched_and_deleted(page, server):
    made = store(server, "First name")
    store(server, "Other")
    page.goto("/")
    choose(page, "First name", "Rename")
    page.get_by_label("Title").fill("Second name")
    page.get_by_role("button", name="Rename", exact=True).click()
    expect(page.get_by_role("link", name="Second name")).to_be_visible()
    assert server.request("GET", f"/v1/conversations/{made}").json["metadata"] == {"title": "Second name"}
    page.get_by_label("Search conversations").fill("second")
    expect(entries(page)).to_have_count(1)
    choose(page, "Second name", "Delete")
    page.get_by_role("dialog").get_by_role("button", name="Delete", exact=True).click()
    expect(page.get_by_text("Nothing found.")).to_be_visible()
    page.get_by_label("Search conversations").fill("")
    expect(entries(page)).to_have_count(1)
    assert server.request("GET", f"/v1/conversations/{made}").status == 404


def test_a_deleted_conversation_does_not_appear_again(page, server):
    made = store(server, "Short life")
    page.goto("/")
    page.get_by_role("link", name="Short life").click()
    expect(page.locator(".message.assistant")).to_contain_text("Hello you")
    choose(page, "Short life", "Delete")
    page.get_by_role("dialog").get_by_role("button", name="Delete", exact=True).click()
    expect(entries(page)).to_have_count(0)
    assert server.request("GET", f"/v1/conversations/{made}").status == 404


def test_many_conversations_come_in_pages(page, server):
    for number in range(105):
        store(server, f"number {number:03}")
    page.goto("/")
    expect(entries(page)).to_have_count(100)
    page.get_by_role("button", name="Show more").click()
    expect(entries(page)).to_have_count(105)
    expect(page.get_by_role("button", name="Show more")).to_have_count(0)
    forget_conversations(server)


def test_a_title_is_text(page, server):
    store(server, "<img src=x onerror=alert(1)>")
    page.goto("/")
    expect(page.get_by_role("link", name=re.compile("onerror"))).to_be_visible()
    assert page.locator(".conversation img").count() == 0


def test_a_key_sees_its_own_conversations_alone(browser, tmp_path):  # noqa: F811
    home = make_home(tmp_path / "home")
    ann, bob = (run(home, "key", "create", name).stdout.strip() for name in ("ann", "bob"))
    with Server(home) as server:
        store(server, "Of Ann", headers={"Authorization": f"Bearer {ann}"})
        store(server, "Of Bob", headers={"Authorization": f"Bearer {bob}"})
        with opened(browser, server, ann) as page:
            page.goto("/")
            expect(page.get_by_role("link", name="Of Ann")).to_be_visible()
            expect(entries(page)).to_have_count(1)
