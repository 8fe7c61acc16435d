"""The page of `GET /docs` in a browser: Playwright drives a Chromium of this machine and downloads none."""

import pytest

from page_views import browser  # noqa: F401


@pytest.fixture(params=["light", "dark"])
def page(browser, server, request):
    """The page, narrow enough to find texts that do not wrap. It must report nothing to the console and ask no other server."""
    problems = []
    with browser.new_context(viewport={"width": 360, "height": 800}, color_scheme=request.param, base_url=server.url) as context:
        page = context.new_page()
        page.on("console", lambda message: problems.append(message.text))
        page.on("pageerror", lambda error: problems.append(str(error)))
        page.on("request", lambda sent: None if sent.url.startswith(server.url + "/") else problems.append(sent.url))
        yield page
    assert [problem for problem in problems if not problem.startswith("data:")] == []


def opened(page) -> list:
    return page.eval_on_selector_all(".route[open]", "routes => routes.map(route => route.id)")


def is_too_wide(page) -> bool:
    return page.evaluate("document.documentElement.scrollWidth > window.innerWidth")


def test_the_filter_finds_routes_by_path_and_field(page, server):
    document = server.request("GET", "/openapi.json").json
    count = sum(len(item) for item in document["paths"].values())
    page.goto("/docs")
    page.locator(".route").first.wait_for()
    assert page.locator(".route:visible").count() == count
    assert page.inner_text("#found") == f"{count} routes"
    page.get_by_label("Filter").fill("post chat/completions TEMPERATURE")
    assert "/v1/chat/completions" in page.locator(".route:visible .path").all_inner_texts()
    assert page.locator(".route:visible").count() < count / 4
    page.get_by_label("Filter").fill("there is no such route")
    assert page.locator(".route:visible").count() == 0
    assert page.inner_text("#found") == "No routes found"


def test_a_route_opens_with_the_keyboard_and_has_an_address(page):
    page.goto("/docs")
    page.locator("#post_v1_chat_completions > summary").focus()
    page.keyboard.press("Enter")
    fields = page.locator("#post_v1_chat_completions .name")
    fields.first.wait_for()
    assert {"model", "messages", "temperature"} <= set(fields.all_inner_texts())
    page.wait_for_url("**/docs#post_v1_chat_completions")
    assert not is_too_wide(page)
    page.reload()
    page.locator("#post_v1_chat_completions[open]").wait_for()
    # An address of a route that the filter hides shows it.
    page.get_by_label("Filter").fill("there is no such route")
    page.evaluate("location.hash = 'post_v1_messages'")
    page.locator("#post_v1_messages[open]").wait_for()
    assert opened(page) == ["post_v1_chat_completions", "post_v1_messages"]


def test_every_route_can_be_shown(page):
    page.goto("/docs")
    page.locator(".route").first.wait_for()
    page.evaluate("document.querySelectorAll('.route').forEach(route => { route.open = true })")
    page.wait_for_function("[...document.querySelectorAll('.route')].every(route => route.querySelector('.inside h3'))")
    page.evaluate("document.querySelectorAll('details').forEach(details => { details.open = true })")
    assert not is_too_wide(page)
    text = page.inner_text("#routes")
    assert "undefined" not in text and "[object" not in text
