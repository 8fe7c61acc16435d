"""The help of the page in a browser: clients, the matrix, and the API with requests to try."""

import json
import re
import shlex
import subprocess
import sys

import pytest

from page_views import SECONDS, browser, check_everybody_can_use, expect, opened, tab_to  # noqa: F401
from server import BINARY, MODEL, REPOSITORY, run

CLIENTS = json.loads((REPOSITORY / "Page/app/data/connect.json").read_text())


@pytest.fixture
def page(browser, server):  # noqa: F811
    with opened(browser, server) as page:
        page.goto("/#/help")
        expect(page.get_by_role("heading", name="Any client")).to_be_visible()
        yield page


def code(page) -> str:
    return page.locator(".recipe figure.code").first.locator("code").inner_text()


@pytest.mark.skipif(sys.platform != "linux", reason="the places of files differ")
def test_the_data_are_those_of_the_program():
    checked = subprocess.run([sys.executable, REPOSITORY / "scripts/page_data.py", BINARY, "--check"], capture_output=True, text=True)
    assert checked.returncode == 0, f"{checked.stdout}{checked.stderr}Run scripts/page_data.py PROGRAM."


def test_each_clients_text_is_that_of_the_command(page, server, tmp_path):
    for keys in (False, True):
        if keys:
            page.get_by_text("With an API key").click()
        for client in CLIENTS:
            name = client["name"]
            page.goto(f"/#/help/connect/{name}")
            expect(page.locator(".recipe h2")).to_have_text(client["title"])
            arguments = ("--api-key", "YOUR_API_KEY") if keys else ()
            printed = run(tmp_path, "connect", name, "--host", server.url, "--model", MODEL, *arguments)
            assert printed.returncode == 0, printed.stderr
            if keys and not page.get_by_label("With an API key").is_checked():
                page.get_by_text("With an API key").click()
            if client["open"]["text"]:
                assert code(page).strip() == printed.stdout.strip(), name
            else:
                shown = dict(zip(page.locator("dl.fields dt").all_inner_texts(), page.locator("dl.fields dd code").all_inner_texts()))
                assert shown == dict(re.split(r"\s{2,}", line, maxsplit=1) for line in printed.stdout.splitlines()), name


def test_odd_names_are_quoted(page):
    """A model's name is data: for a shell it is quoted, and in a file it is a string."""
    filled = page.evaluate("""async () => {
        const base = document.querySelector('script[type=module]').src
        const { filled } = await import(new URL('help/connect.js', base))
        const values = { model: `it's "odd" $(x)`, root: 'http://127.0.0.1:1', context: 5 }
        return ['export A={{model}}', 'run --m {{model}} {{root}}/v1', '{"m": "openai/{{model}}", "n": {{context}}}'].map((text, index) => filled(text, index < 2 ? 'shell' : 'json', values))
    }""")
    assert shlex.split(filled[0])[1] == """A=it's "odd" $(x)"""
    assert shlex.split(filled[1]) == ["run", "--m", """it's "odd" $(x)""", "http://127.0.0.1:1/v1"]
    assert json.loads(filled[2]) == {"m": """openai/it's "odd" $(x)""", "n": 5}


def test_the_key_is_shown_only_on_request(browser, server):  # noqa: F811
    with opened(browser, server, "sk-shimmy-of-this-page") as page:
        page.goto("/#/help/connect/codex")
        expect(page.locator(".recipe h2")).to_have_text("Codex")
        page.goto("/#/help/connect/aider")
        expect(page.locator(".recipe figure.code")).to_contain_text("YOUR_API_KEY")
        page.get_by_text("Show this page's key").click()
        expect(page.locator(".recipe figure.code")).to_contain_text("sk-shimmy-of-this-page")


def test_the_matrix_is_searched(page):
    page.get_by_role("link", name="Compatibility").click()
    found = page.get_by_role("status").filter(has_text="endpoint")
    expect(found).to_be_visible()
    everything = found.inner_text()
    page.get_by_label("Search fields and endpoints").fill("chat/completions logprobs")
    expect(page.locator(".endpoint[open] code").get_by_text("top_logprobs", exact=True).first).to_be_visible()
    assert found.inner_text() != everything
    page.get_by_label("API", exact=True).select_option("anthropic")
    expect(page.get_by_role("heading", name="Nothing found")).to_be_visible()
    page.get_by_label("Search fields and endpoints").fill("")
    page.get_by_label("API", exact=True).select_option("openai")
    page.get_by_label("Support", exact=True).select_option("refused")
    expect(page.locator(".endpoint").first).to_be_visible()
    page.locator(".endpoint summary").first.press("Enter")
    assert set(page.locator(".inside td .chip").all_inner_texts()) == {"Refused"}


def test_the_matrix_has_every_row_of_the_program(page):
    page.get_by_role("link", name="Compatibility").click()
    expect(page.locator(".endpoint").first).to_be_visible()
    rows = json.loads(subprocess.run([BINARY, "compat", "--json"], capture_output=True, text=True, check=True).stdout)["endpoints"]
    shown = page.get_by_role("region", name="OpenAI", exact=True).locator(".endpoint .path").all_inner_texts()
    assert shown == [row["path"] for row in rows]


def test_an_operation_is_found_and_tried(page, server):
    page.get_by_role("link", name="API", exact=True).click()
    document = server.request("GET", "/openapi.json").json
    count = sum(len(item) for item in document["paths"].values())
    expect(page.get_by_text(f"{count} operations")).to_be_visible()
    page.get_by_label("Search the API").fill("post chat/completions TEMPERATURE")
    page.locator('a[href$="/post_v1_chat_completions"]').click()
    expect(page.get_by_role("heading", name="Try it")).to_be_visible()
    assert {"model", "messages", "temperature"} <= set(page.locator(".schema .name").all_inner_texts())
    body = page.get_by_label("Body")
    sent = json.loads(body.input_value())
    assert sent["model"] == MODEL
    body.fill(json.dumps({**sent, "max_tokens": 3, "stream": False}))
    page.get_by_role("button", name="Send").click()
    expect(page.get_by_text("Status 200")).to_be_visible(timeout=60 * SECONDS)
    assert json.loads(page.locator(".answer figure code").inner_text())["object"] == "chat.completion"
    page.locator(".answer summary").click()
    expect(page.locator(".answer").get_by_text("x-request-id", exact=True)).to_be_visible()


def test_errors_and_wrong_bodies_are_shown(page):
    page.goto("/#/help/api/post_v1_chat_completions")
    body = page.get_by_label("Body")
    body.fill("{")
    page.get_by_role("button", name="Send").click()
    expect(page.get_by_role("alert")).to_contain_text("not JSON")
    body.fill(json.dumps({"model": MODEL, "messages": [{"role": "user", "content": "Hi."}], "temperature": 9}))
    page.get_by_role("button", name="Send").click()
    expect(page.get_by_text("Status 400")).to_be_visible()
    expect(page.locator(".answer")).to_contain_text("temperature")


def test_a_stream_is_shown_and_stopped(page):
    page.goto("/#/help/api/post_v1_completions")
    page.get_by_label("Body").fill(json.dumps({"model": MODEL, "prompt": "Once", "max_tokens": 4000, "ignore_eos": True, "stream": True}))
    page.get_by_role("button", name="Send").click()
    expect(page.locator(".answer figure code")).to_contain_text("text_completion", timeout=60 * SECONDS)
    page.get_by_role("button", name="Stop").click()
    expect(page.get_by_text("Stopped", exact=True)).to_be_visible()
    expect(page.get_by_role("button", name="Send")).to_be_visible()


def test_parameters_of_a_path_and_a_query(page):
    page.goto("/#/help/api/get_v1_models_model")
    expect(page.get_by_label("model (required)")).to_have_value(MODEL)
    page.get_by_role("button", name="Send").click()
    expect(page.get_by_text("Status 200")).to_be_visible()
    page.goto("/#/help/api/get_v1_organization_usage_completions")
    page.get_by_label("start_time").fill("0")
    page.get_by_label("group_by").fill("model, api_key_id")
    page.get_by_role("button", name="Send").click()
    expect(page.get_by_text("Status 200")).to_be_visible()


def test_everything_by_keyboard(page):
    tab_to(page, page.get_by_role("link", name="Codex"))
    page.keyboard.press("Enter")
    expect(page.locator(".recipe h2")).to_have_text("Codex")
    # The list was drawn again, and the focus is still on the client.
    expect(page.get_by_role("link", name="Codex")).to_be_focused()
    page.goto("/#/help/api")
    page.get_by_label("Search the API").wait_for()
    page.locator("body").press("/")
    expect(page.get_by_label("Search the API")).to_be_focused()
    page.keyboard.type("tokenize")
    page.keyboard.press("Tab")
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    expect(page.locator("h2.operation")).to_contain_text("tokenize")


@pytest.mark.parametrize("place", ["connect/any", "connect/cline", "compatibility?q=tools", "api", "api/post_v1_responses"])
def test_everybody_can_use_it(page, place):
    page.goto(f"/#/help/{place}")
    expect(page.locator(".part > :nth-child(2)")).to_be_visible()
    if place.startswith("api/"):
        page.locator(".schema summary").first.click()
    check_everybody_can_use(page, place)
