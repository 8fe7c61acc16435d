"""The keys and the usage of the page in a browser."""

import re
import time

import pytest

from page_views import browser, check_everybody_can_use, expect, opened, tab_to  # noqa: F401
from server import MODEL, Server, make_home, run, wait_until

ALL = "/v1/organization/admin_api_keys"
USAGE = "/v1/organization/usage/completions"


def bearer(key: str) -> dict:
    return {"Authorization": f"Bearer {key}"}


@pytest.fixture(scope="module")
def keyed(tmp_path_factory):
    """A server with the keys of an admin and of a user, who has asked for two answers."""
    home = make_home(tmp_path_factory.mktemp("keyed"))
    admin = run(home, "key", "create", "admin", "--role", "admin").stdout.strip()
    ann = run(home, "key", "create", "ann", "--models", "SmolLM2-*", "--requests-per-minute", "60").stdout.strip()
    with Server(home) as server:
        server.home, server.admin, server.ann = home, admin, ann
        for _ in range(2):
            body = {"model": MODEL, "messages": [{"role": "user", "content": "Say hello."}], "max_tokens": 5, "ignore_eos": True}
            assert server.request("POST", "/v1/chat/completions", body, bearer(ann)).status == 200

        def recorded():
            days = server.request("GET", f"{USAGE}?start_time={time.time() - 86400:.0f}", headers=bearer(admin)).json["data"]
            return sum(result["num_model_requests"] for day in days for result in day["results"]) == 2

        wait_until(recorded, "the record of usage")
        yield server


@pytest.fixture
def page(browser, keyed):  # noqa: F811
    with opened(browser, keyed, keyed.admin) as page:
        page.goto("/#/keys")
        expect(row(page, "ann")).to_be_visible()
        yield page


def row(page, name: str):
    return page.locator(f'[data-key="{name}"]')


def keys(server) -> dict:
    return {key["name"]: key for key in server.request("GET", ALL, headers=bearer(server.admin)).json["data"]}


def status(server, key: str) -> int:
    return server.request("GET", "/v1/models", headers=bearer(key)).status


def secret(page) -> str:
    """Returns the key that the page shows once, and closes the dialog."""
    dialog = page.get_by_role("dialog")
    text = dialog.locator(".secret code").inner_text()
    assert re.fullmatch(r"sk-shimmy-\w{43}", text)
    dialog.get_by_role("button", name="Done").click()
    expect(dialog).to_have_count(0)
    assert text not in page.content()
    return text


def choose(page, name: str, text: str):
    page.get_by_role("button", name=f"More for {name}").click()
    page.get_by_role("menuitem", name=re.compile(f"^{text}")).click()
    page.get_by_role("dialog").get_by_role("button", name=text, exact=True).click()


def test_keys_are_listed_with_their_limits(page, keyed):
    expect(row(page, "ann")).to_contain_text("SmolLM2-*")
    expect(row(page, "ann")).to_contain_text("60 requests per minute")
    expect(row(page, "admin")).to_contain_text("Admin")
    assert keyed.ann not in page.content() and keyed.admin not in page.content()


def test_a_key_is_created_limited_rotated_and_revoked(page, keyed):
    page.get_by_role("button", name="Create a key").click()
    dialog = page.get_by_role("dialog", name="Create a key")
    dialog.get_by_label(re.compile("^Name")).fill("bob")
    dialog.get_by_label(re.compile("^Models")).fill("SmolLM2-*, other")
    dialog.get_by_text("Limits, share and end").click()
    dialog.get_by_label("Tokens per day").fill("5000")
    dialog.get_by_label("Requests at once").fill("2")
    dialog.get_by_label(re.compile("^Weight")).fill("0.5")
    dialog.get_by_label(re.compile("^Valid until")).fill("2099-12-31")
    dialog.get_by_role("button", name="Create", exact=True).click()
    first = secret(page)
    expect(row(page, "bob")).to_contain_text("5,000 tokens per day")
    expect(row(page, "bob")).to_contain_text("weight 0.5")
    own = keys(keyed)["bob"]["shimmy"]
    assert (own["models"], own["limits"]["tokens_per_day"], own["limits"]["concurrency"], own["weight"]) == (["SmolLM2-*", "other"], 5000, 2, 0.5)
    assert (own["role"], own["expires_at"]) == ("user", 4102358400)
    assert status(keyed, first) == 200

    choose(page, "bob", "Rotate")
    second = secret(page)
    assert second != first
    assert (status(keyed, first), status(keyed, second)) == (401, 200)

    choose(page, "bob", "Revoke")
    expect(row(page, "bob")).to_have_count(0)
    assert status(keyed, second) == 401 and "bob" not in keys(keyed)


def test_a_key_is_changed(page, keyed):
    made = run(keyed.home, "key", "create", "carl", "--tokens-per-day", "100", "--concurrency", "3", "--models", "nothing").stdout.strip()
    page.reload()
    expect(row(page, "carl")).to_contain_text("100 tokens per day")
    page.get_by_role("button", name="More for carl").click()
    page.get_by_role("menuitem", name=re.compile("^Change")).click()
    dialog = page.get_by_role("dialog", name="Change the key of carl")
    expect(dialog.get_by_label(re.compile("^Models"))).to_have_value("nothing")
    expect(dialog.get_by_label("Tokens per day")).to_have_value("100")
    dialog.get_by_label(re.compile("^Models")).fill("")
    dialog.get_by_label("Tokens per day").fill("")
    dialog.get_by_label("Requests per minute").fill("42")
    dialog.get_by_label(re.compile("^Weight")).fill("2.5")
    check_everybody_can_use(page, "change")
    dialog.get_by_role("button", name="Change", exact=True).click()
    expect(row(page, "carl")).to_contain_text("42 requests per minute")
    expect(row(page, "carl")).not_to_contain_text("tokens per day")
    own = keys(keyed)["carl"]["shimmy"]
    assert (own["models"], own["weight"], own["limits"]["concurrency"], own["limits"]["tokens_per_day"]) == ([], 2.5, 3, None)
    seen = keyed.request("GET", "/v1/models", headers=bearer(made)).json["data"]
    assert [model["id"] for model in seen] == [MODEL]
    choose(page, "carl", "Revoke")
    expect(row(page, "carl")).to_have_count(0)


def test_an_error_is_shown_at_its_field(page, keyed):
    page.get_by_role("button", name="Create a key").click()
    dialog = page.get_by_role("dialog", name="Create a key")
    dialog.get_by_label(re.compile("^Name")).fill("ann")
    page.keyboard.press("Enter")
    expect(dialog.get_by_role("alert")).to_contain_text("ann")
    expect(dialog.get_by_label(re.compile("^Name"))).to_have_attribute("aria-invalid", "true")
    page.keyboard.press("Escape")
    assert sorted(keys(keyed)) == ["admin", "ann"]


def test_the_page_keeps_its_key_when_it_rotates_it(browser, tmp_path):  # noqa: F811
    home = make_home(tmp_path / "home")
    key = run(home, "key", "create", "me", "--role", "admin").stdout.strip()
    with Server(home) as server, opened(browser, server, key) as page:
        page.goto("/#/keys")
        choose(page, "me", "Rotate")
        new = secret(page)
        expect(row(page, "me")).to_be_visible()
        assert (status(server, key), status(server, new)) == (401, 200)


def test_usage_by_model_key_and_day(page):
    report = page.get_by_role("region", name=re.compile("^Usage by"))
    expect(page.locator(".tile").first).to_contain_text("2")
    expect(report.get_by_role("row", name=re.compile(f"^{re.escape(MODEL)}"))).to_contain_text("100 %")
    page.get_by_label("Group by").select_option("api_key_id")
    expect(report.get_by_role("row", name=re.compile("^ann"))).to_contain_text("10")
    page.get_by_label("Measure").select_option("requests")
    page.get_by_text("The numbers as a table").click()
    days = page.get_by_role("region", name="Requests by key and day")
    expect(days.get_by_role("columnheader", name="ann")).to_be_visible()
    assert days.locator("tbody tr").count() == 30
    expect(days.locator("tbody tr").first.locator("td").first).to_have_text("2")
    page.get_by_label("Days", exact=True).select_option("7")
    expect(days.locator("tbody tr")).to_have_count(7)
    # The choices stay.
    page.reload()
    expect(page.get_by_role("img", name=re.compile("^Requests by key and day, 7 days"))).to_be_visible()


def test_the_chart_by_keyboard(page):
    chart = page.get_by_role("img", name=re.compile("^Tokens by model and day"))
    expect(chart).to_be_visible()
    tab_to(page, chart)
    told = page.locator(".told")
    expect(told).to_contain_text(MODEL)
    page.keyboard.press("ArrowLeft")
    expect(told).to_contain_text("nothing")
    page.keyboard.press("End")
    expect(told).to_contain_text(MODEL)
    page.keyboard.press("Tab")
    expect(told).not_to_contain_text(MODEL)


def test_everybody_can_use_it(page):
    page.get_by_text("The numbers as a table").click()
    check_everybody_can_use(page, "keys")
    page.get_by_role("button", name="Create a key").click()
    page.get_by_role("dialog").get_by_text("Limits, share and end").click()
    check_everybody_can_use(page, "form")


def test_a_user_sees_its_own_key(browser, keyed):  # noqa: F811
    with opened(browser, keyed, keyed.ann) as page:
        page.goto("/#/keys")
        expect(page.get_by_role("heading", name="Your key")).to_be_visible()
        expect(page.get_by_text("SmolLM2-*")).to_be_visible()
        limit = page.locator('[data-limit="requests_per_minute"]')
        expect(limit).to_contain_text(re.compile(r"\d+ of 60 left"))
        expect(limit.get_by_role("meter")).to_have_attribute("aria-valuemax", "60")
        # The own usage, and no other.
        expect(page.locator(".tile").first).to_contain_text("2")
        expect(page.get_by_label("Group by").locator("option")).to_have_text(["By model", "By end user"])
        expect(page.get_by_role("region", name="Usage by model").get_by_role("row", name=re.compile(f"^{re.escape(MODEL)}"))).to_contain_text("100 %")
        check_everybody_can_use(page, "own key")


def test_a_user_is_told_what_a_key_may_not(browser, keyed):  # noqa: F811
    with opened(browser, keyed, keyed.ann) as page:
        page.goto("/#/keys")
        expect(page.get_by_text("with the role admin only")).to_be_visible()
        expect(page.get_by_role("button", name="Create a key")).to_have_count(0)
        page.get_by_role("button", name="Enter another key").click()
        page.get_by_role("dialog").get_by_label("Key", exact=True).fill(keyed.admin)
        page.keyboard.press("Enter")
        expect(row(page, "ann")).to_be_visible()


def test_a_server_without_keys_says_how_to_begin(browser, server):  # noqa: F811
    with opened(browser, server) as page:
        page.goto("/#/keys")
        expect(page.get_by_text("shimmy key create me --role admin")).to_be_visible()
        expect(page.get_by_role("button", name="Create a key")).to_have_count(0)
        expect(page.get_by_role("heading", name="Usage", exact=True)).to_be_visible()


def test_a_key_is_created_once_however_often_enter_is_pressed_and_not_lost(page, keyed):
    page.get_by_role("button", name="Create a key").click()
    dialog = page.get_by_role("dialog", name="Create a key")
    dialog.get_by_label(re.compile("^Name")).fill("eve")
    sent, held = [], []

    def hold(route):
        if route.request.method == "POST":
            sent.append(route.request.url)
            held.append(route)
        else:
            route.fallback()

    page.route("**/v1/organization/admin_api_keys", hold)
    with page.expect_request("**/v1/organization/admin_api_keys"):
        page.keyboard.press("Enter")
    page.keyboard.press("Enter")
    # The person closes the dialog before the server answers.
    page.keyboard.press("Escape")
    expect(dialog).to_have_count(0)
    held[0].fallback()
    expect(page.locator(".secret code")).to_have_text(re.compile("^sk-shimmy-"))
    # A click beside it does not close what is shown once.
    page.mouse.click(5, 5)
    made = secret(page)
    assert len(sent) == 1 and status(keyed, made) == 200
    choose(page, "eve", "Revoke")
    expect(row(page, "eve")).to_have_count(0)


def test_a_forgotten_key_shows_nothing_more(browser, keyed):  # noqa: F811
    with opened(browser, keyed, keyed.admin) as page:
        page.goto("/#/keys")
        expect(row(page, "ann")).to_be_visible()
        page.get_by_role("button", name="More", exact=True).click()
        page.get_by_role("menuitem", name="Forget the key").click()
        expect(page.get_by_role("dialog", name="API key")).to_be_visible()
        expect(row(page, "ann")).to_have_count(0)
        page.get_by_label("Key", exact=True).fill("sk-wrong")
        page.get_by_role("button", name="Use this key").click()
        expect(page.get_by_role("dialog").get_by_role("alert")).to_have_text("The server does not accept this key.")
        # No HTTP header can carry this key.
        page.get_by_label("Key", exact=True).fill("ключ")
        page.get_by_role("button", name="Use this key").click()
        expect(page.get_by_role("dialog", name="API key")).to_be_visible()
        page.keyboard.press("Escape")
        expect(page.get_by_role("alert")).to_contain_text("The server asks for an API key.")
