"""The chat of the page in a browser: Playwright drives a Chromium of this machine and downloads none."""

import json
import re

import pytest

from page_answers import HOSTILE, MARKDOWN, Stream, scripted
from page_views import SECONDS, browser, expect, forget_conversations, watch  # noqa: F401
from server import MODEL

TOOL = json.dumps({"name": "add", "description": "Adds.", "parameters": {"type": "object", "properties": {"a": {"type": "number"}}}})


@pytest.fixture
def context(browser, server):
    with browser.new_context(viewport={"width": 1200, "height": 800}, base_url=server.url, accept_downloads=True) as context:
        context.set_default_timeout(30 * SECONDS)
        yield context


@pytest.fixture
def problems():
    """Messages of the console, errors and requests to other servers."""
    return []


@pytest.fixture
def page(context, server, problems):
    """The chat. It must report nothing to the console and ask no other server."""
    forget_conversations(server)
    page = context.new_page()
    watch(page, server, problems)
    page.goto("/")
    expect(page.get_by_role("button", name=re.compile("^Model: "))).not_to_have_text("Loading…")
    yield page
    assert problems == []


def say(page, text):
    page.get_by_label("Message", exact=True).fill(text)
    page.keyboard.press("Enter")


def answers(page):
    return page.locator(".message.assistant")


def finished(page, count=1):
    """Waits until the page shows this number of answers and none grows."""
    expect(answers(page)).to_have_count(count, timeout=60 * SECONDS)
    expect(page.locator("[aria-busy=true]")).to_have_count(0, timeout=60 * SECONDS)
    expect(page.get_by_role("button", name="Send", exact=True)).to_be_visible(timeout=60 * SECONDS)


def choose(page, **fields):
    """Changes chat settings by their labels."""
    page.get_by_role("button", name="Chat settings").click()
    for label, value in fields.items():
        field = page.get_by_role("dialog").get_by_label(label.replace("_", " "), exact=True)
        field.select_option(value) if label == "Form" else field.fill(value)
    page.get_by_role("dialog").get_by_role("button", name="Save").click()
    expect(page.get_by_role("dialog")).to_have_count(0)


def short(page, tokens=12):
    choose(page, **{"Max tokens": str(tokens), "Temperature": "0"})


def add_tool(page, code, auto=False):
    page.locator(".composer").get_by_role("button", name=re.compile("^Tools")).click()
    page.get_by_role("button", name="Add a tool").click()
    dialog = page.get_by_role("dialog").last
    dialog.get_by_label("Definition (JSON)").fill(TOOL)
    dialog.get_by_label(re.compile("^JavaScript")).fill(code)
    if auto:
        dialog.get_by_label("Run it without asking").check()
    dialog.get_by_role("button", name="Add", exact=True).click()
    page.get_by_role("button", name="Save", exact=True).click()
    expect(page.get_by_role("dialog")).to_have_count(0)


def test_an_answer_streams_and_has_its_numbers(page):
    short(page)
    say(page, "Count from one to twenty.")
    expect(page.locator(".message.user")).to_have_text(re.compile("Count from one to twenty."))
    finished(page)
    facts = answers(page).get_by_role("button", name=re.compile("tokens"))
    expect(facts).to_contain_text(re.compile(r"12 tokens · [\d.,]+ tokens/s · \d+ % cached"))
    expect(facts).to_contain_text("The answer reached its token limit.")
    facts.click()
    expect(page.get_by_role("menuitem", name=re.compile("First token after"))).to_be_visible()
    page.keyboard.press("Escape")
    expect(page).to_have_url(re.compile("#/chat/[0-9a-f]+$"))
    expect(page.locator(".context")).to_have_text(re.compile(r"\d+ of 8\.\dK tokens"))


def test_conversations_and_drafts_survive_a_reload(page):
    short(page)
    say(page, "Name a colour.")
    finished(page)
    text = answers(page).locator(".prose").inner_text()
    page.get_by_label("Message", exact=True).fill("a draft")
    page.reload()
    expect(answers(page).locator(".prose")).to_have_text(text)
    expect(page.get_by_label("Message", exact=True)).to_have_value("a draft")
    page.get_by_role("button", name="New chat").click()
    expect(page.get_by_label("Message", exact=True)).to_have_value("")
    page.get_by_role("link", name="Name a colour.").click()
    expect(page.get_by_label("Message", exact=True)).to_have_value("a draft")


def test_an_answer_is_stopped(page, server):
    choose(page, **{"Max tokens": "4000"})
    say(page, "Write a very long story about a ship.")
    expect(answers(page).locator(".prose")).not_to_be_empty()
    page.keyboard.press("Escape")
    finished(page)
    expect(answers(page).locator(".message-foot")).to_contain_text("Stopped.")
    expect(page.get_by_role("button", name="Stop", exact=True)).to_be_hidden()


def test_retrying_and_editing_make_branches(page):
    short(page)
    say(page, "Name a fruit.")
    finished(page)
    page.get_by_role("button", name="Answer again").click()
    finished(page)
    expect(answers(page).locator(".branches")).to_contain_text("2 / 2")
    page.get_by_role("button", name="Previous version").click()
    expect(answers(page).locator(".branches")).to_contain_text("1 / 2")
    page.locator(".message.user").hover()
    page.get_by_role("button", name="Edit and send again").click()
    expect(page.get_by_label("Message", exact=True)).to_have_value("Name a fruit.")
    say(page, "Name a tree.")
    finished(page)
    expect(page.locator(".message.user .bubble")).to_have_text("Name a tree.")
    page.locator(".message.user").get_by_role("button", name="Previous version").click()
    expect(page.locator(".message.user .bubble")).to_have_text("Name a fruit.")


def test_an_answer_continues_and_a_conversation_forks(page):
    short(page)
    say(page, "Write a long story.")
    finished(page)
    before = answers(page).locator(".prose").inner_text()
    page.get_by_role("button", name="Continue this answer").click()
    finished(page)
    after = answers(page).locator(".prose").inner_text()
    assert after.startswith(before.rstrip()) and len(after) > len(before)
    page.get_by_role("button", name="New conversation from here").click()
    expect(page.locator(".conversation")).to_have_count(2)
    expect(answers(page).locator(".prose")).to_have_text(after)


def test_settings_reach_the_model(page):
    page.get_by_role("button", name="Chat settings").click()
    expect(page.get_by_label("Temperature", exact=True)).to_have_attribute("placeholder", "0.2 (recommended)")
    page.get_by_label("Temperature", exact=True).fill("9")
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_role("alert")).to_have_text("Temperature is a number from 0 to 2.")
    page.keyboard.press("Escape")
    with page.expect_request("**/v1/responses") as sent:
        choose(page, **{"System prompt": "Answer in one word.", "Seed": "7", "Max tokens": "5"})
        say(page, "Hello")
    body = sent.value.post_data_json
    assert (body["instructions"], body["seed"], body["temperature"], body["store"]) == ("Answer in one word.", 7, 0.2, False)
    finished(page)
    expect(page.get_by_role("button", name="System prompt")).to_be_visible()


def test_an_answer_is_held_to_a_schema_and_a_grammar(page):
    page.get_by_role("button", name="Chat settings").click()
    page.get_by_label("Form", exact=True).select_option("schema")
    page.get_by_role("dialog").get_by_label("JSON schema").fill('{"type": "object"')
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_role("alert")).to_contain_text("The schema is not JSON")
    schema = {"type": "object", "properties": {"sky": {"enum": ["blue", "grey"]}}, "required": ["sky"], "additionalProperties": False}
    page.get_by_role("dialog").get_by_label("JSON schema").fill(json.dumps(schema))
    page.get_by_role("button", name="Save").click()
    say(page, "What colour is the sky?")
    finished(page)
    assert json.loads(answers(page).locator(".prose").inner_text())["sky"] in ("blue", "grey")
    page.get_by_role("button", name="Chat settings").click()
    page.get_by_label("Form", exact=True).select_option("grammar")
    page.get_by_role("dialog").get_by_label("Grammar (GBNF)").fill('root ::= "left" | "right"')
    page.get_by_role("button", name="Save").click()
    say(page, "Which way?")
    finished(page, 2)
    assert answers(page).last.locator(".prose").inner_text() in ("left", "right")


def test_models_are_offered_with_what_they_can_do(page):
    picker = page.get_by_role("button", name=re.compile("^Model: "))
    expect(picker.locator(".chip")).to_have_text("tools")
    picker.click()
    expect(page.get_by_role("menuitemradio", name=MODEL)).to_contain_text(re.compile(r"134\.5M parameters · Q4_1 · 98\.4 MB · 8\.2K context · (loaded · )?tools"))
    page.keyboard.press("Escape")
    expect(page.get_by_role("menuitemradio")).to_have_count(0)


def test_two_models_answer_side_by_side(page):
    short(page)
    page.get_by_role("button", name="More about this conversation").click()
    page.get_by_role("menuitem", name="Compare two models").click()
    page.get_by_role("menuitem").first.click()
    say(page, "Name an animal.")
    finished(page, 2)
    expect(page.locator(".side-by-side .message")).to_have_count(2)
    page.get_by_role("button", name="Use this answer").last.click()
    expect(answers(page)).to_have_count(1)
    page.get_by_role("button", name="Stop comparing").click()
    say(page, "Another one.")
    finished(page, 2)


def test_markdown_code_tables_mathematics_and_reasoning_are_shown(page):
    scripted(page, Stream().reasoning("I should be *brief*.").text(MARKDOWN))
    say(page, "Show everything.")
    finished(page)
    prose = answers(page).locator(".message-body > .prose")
    for selector in ("h2", "strong", "em", "code", "table td", "figure.code .k", "math msup", "math mfrac", "li.task [aria-label='Done:']", "li ol li"):
        expect(prose.locator(selector).first).to_be_attached()
    link = prose.get_by_role("link")
    expect(link).to_have_attribute("rel", "noopener noreferrer nofollow")
    expect(link).to_have_text("link (example.org)")
    expect(answers(page).get_by_text("I should be")).to_be_hidden()
    answers(page).get_by_text("Reasoning", exact=True).click()
    expect(answers(page).get_by_text("I should be")).to_be_visible()
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    prose.get_by_role("button", name="Copy the code").click()
    assert page.evaluate("navigator.clipboard.readText()") == 'def twice(x):  # a comment\n    return "text" * 2'


def test_a_person_gives_the_result_of_a_call(page):
    sent = []
    scripted(page, Stream("one").text("I will add.").call("add", '{"a": 2}'), Stream("two").text("It is 5."), requests=sent)
    add_tool(page, "")
    say(page, "Add.")
    call = page.locator(".call")
    expect(call).to_contain_text("needs a result")
    call.get_by_label("Result").fill("5")
    call.get_by_role("button", name="Send the result").click()
    finished(page, 2)
    expect(answers(page).last).to_contain_text("It is 5.")
    assert [tool["name"] for tool in sent[0]["tools"]] == ["add"]
    assert sent[1]["input"][-2:] == [{"type": "function_call", "call_id": "call_1", "name": "add", "arguments": '{"a": 2}'},
                                     {"type": "function_call_output", "call_id": "call_1", "output": "5"}]


def test_a_tools_javascript_runs_in_a_closed_frame(page, problems):
    code = """
      const tries = { sum: args.a + 1 }
      for (const [name, run] of Object.entries({
        page: () => parent.document.title, storage: () => localStorage.length, cookie: () => document.cookie,
        connection: () => fetch("/health"), image: () => new Promise((good, bad) => { const i = new Image(); i.onload = good; i.onerror = bad; i.src = "/x.png" }),
      })) { try { await run(); tries[name] = "allowed" } catch { tries[name] = "refused" } }
      return tries
    """
    sent = []
    scripted(page, Stream("one").call("add", '{"a": 2}'), Stream("two").text("Done."), requests=sent)
    add_tool(page, code, auto=True)
    say(page, "Add.")
    finished(page, 2)
    assert json.loads(sent[1]["input"][-1]["output"]) == {"sum": 3, **dict.fromkeys(("page", "storage", "cookie", "connection", "image"), "refused")}
    assert page.locator("iframe").count() == 0
    # The browser reports what the frame's policy refused.
    assert problems and all(re.search("Content Security Policy|sandbox|blocked", problem) for problem in problems)
    problems.clear()


def test_a_failing_tool_is_reported(page):
    scripted(page, Stream("one").call("add", '{"a": 2}'), Stream("two").text("Done."))
    add_tool(page, "throw new Error('broken')")
    say(page, "Add.")
    page.get_by_role("button", name="Run its JavaScript").click()
    expect(page.get_by_role("alert")).to_have_text("The code failed: Error: broken")


def on_server(page):
    page.get_by_text("On the server", exact=True).click()


def stored(page):
    return page.evaluate("""async () => {
        const id = location.hash.split("/")[2]
        const db = await new Promise(done => { const open = indexedDB.open("shimmy"); open.onsuccess = () => done(open.result) })
        return new Promise(done => { const get = db.transaction("conversations").objectStore("conversations").get(id); get.onsuccess = () => done(get.result.server) })
    }""")


def contents(server, name):
    items = server.request("GET", f"/v1/conversations/{name}/items?order=asc&limit=100").json["data"]
    return [(item["role"], "".join(part["text"] for part in item["content"])) for item in items if item["type"] == "message"]


def test_the_server_stores_a_conversation_and_its_shown_branch(page, server):
    on_server(page)
    short(page)
    say(page, "Name a river.")
    finished(page)
    name = stored(page)
    first = answers(page).locator(".prose").inner_text()
    assert contents(server, name)[0] == ("user", "Name a river.") and len(contents(server, name)) == 2
    page.locator(".message.user").hover()
    page.get_by_role("button", name="Edit and send again").click()
    say(page, "Name a lake.")
    finished(page)
    assert [text for role, text in contents(server, name) if role == "user"] == ["Name a lake."]
    page.locator(".message.user").get_by_role("button", name="Previous version").click()
    expect(answers(page).locator(".prose")).to_have_text(first)
    say(page, "And a sea.")
    finished(page, 2)
    assert [text for role, text in contents(server, name) if role == "user"] == ["Name a river.", "And a sea."]
    page.locator(".conversation").hover()
    page.get_by_role("button", name=re.compile("^Actions for")).click()
    page.get_by_role("menuitem", name="Delete").click()
    page.get_by_role("dialog").get_by_role("button", name="Delete", exact=True).click()
    expect(page.locator(".conversation")).to_have_count(0)
    assert server.request("GET", f"/v1/conversations/{name}").status == 404


def test_another_browser_opens_a_stored_conversation(page, browser, server):
    made = server.request("POST", "/v1/conversations", {"items": [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": "Hello you"}]}).json
    page.get_by_role("button", name="More about conversations").click()
    page.get_by_role("menuitem", name="Open one stored on the server").click()
    page.get_by_label("ID").fill(made["id"])
    page.get_by_role("button", name="Open", exact=True).click()
    expect(answers(page)).to_contain_text("Hello you")


def test_a_lost_connection_resumes(page):
    cut = []

    def answer(route):
        reply = route.fetch()
        events = reply.text().split("\n\n")
        cut.append(len(events))
        route.fulfill(response=reply, body="\n\n".join(events[:len(events) // 2]) + "\n\n")

    page.route("**/v1/responses", answer)
    on_server(page)
    short(page)
    with page.expect_request(re.compile(r"/v1/responses/resp_\w+\?stream=true&starting_after=\d+")):
        say(page, "Write a story about a fox.")
    finished(page)
    assert cut and cut[0] > 10
    expect(answers(page).get_by_role("button", name=re.compile("12 tokens"))).to_be_visible()


def test_an_answer_continues_after_a_reload(page):
    on_server(page)
    short(page, 150)
    say(page, "Write a long story about a fox.")
    expect(answers(page).locator(".prose")).not_to_be_empty()
    page.reload()
    finished(page)
    expect(answers(page).get_by_role("button", name=re.compile("tokens"))).to_be_visible()
    assert page.evaluate("document.querySelectorAll('.notice.bad').length") == 0


def test_conversations_are_exported_searched_and_imported(page, tmp_path):
    scripted(page, Stream().text("The capital is **Lima**."))
    say(page, "Capital of Peru?")
    finished(page)
    files = {}
    for kind in ("JSON", "Markdown"):
        page.get_by_role("button", name="More about this conversation").click()
        with page.expect_download() as download:
            page.get_by_role("menuitem", name=f"Export as {kind}").click()
        files[kind] = tmp_path / download.value.suggested_filename
        download.value.save_as(files[kind])
    assert "## You\n\nCapital of Peru?" in files["Markdown"].read_text() and "**Lima**" in files["Markdown"].read_text()
    page.get_by_role("button", name="More about conversations").click()
    with page.expect_file_chooser() as chooser:
        page.get_by_role("menuitem", name="Import conversations").click()
    chooser.value.set_files(files["JSON"])
    # It is here already.
    expect(page.get_by_text("One conversation imported.")).to_be_visible()
    expect(page.locator(".conversation")).to_have_count(1)
    expect(page.locator(".message")).to_have_count(2)
    page.get_by_label("Search conversations").fill("lima")
    expect(page.locator(".conversation")).to_have_count(1)
    page.get_by_label("Search conversations").fill("not in any of them")
    expect(page.locator(".conversations")).to_have_text("Nothing found.")
    page.get_by_label("Search conversations").fill("")
    page.locator(".conversation a").first.click()
    expect(answers(page).locator("strong")).to_have_text("Lima")


def test_hostile_output_stays_in_its_box(page):
    scripted(page, Stream().reasoning(HOSTILE).text(HOSTILE, 20_000))
    say(page, "Attack.")
    finished(page)
    assert page.evaluate("window.hacked") is None
    for selector in ("script", "iframe", "img", "object", "style"):
        assert answers(page).locator(selector).count() == 0, selector
    for address in answers(page).locator("a").evaluate_all("links => links.map(link => link.protocol)"):
        assert address in ("http:", "https:", "mailto:")
    expect(answers(page).get_by_role("link", name=re.compile("bank.example"))).to_contain_text("(evil.example)")
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    box, outer = answers(page).bounding_box(), page.locator(".messages").bounding_box()
    assert outer["x"] <= box["x"] + 5 and box["x"] + box["width"] <= outer["x"] + outer["width"] + 5
    assert page.evaluate("""() => { let deepest = 0
        for (const leaf of document.querySelectorAll(".message *")) { let depth = 0; for (let at = leaf; at; at = at.parentElement) depth += 1; deepest = Math.max(deepest, depth) }
        return deepest }""") < 150


def test_errors_are_said_in_plain_words(page):
    def answer(route):
        route.fulfill(status=429, headers={"Retry-After": "7", "Content-Type": "application/json"}, body=json.dumps({"error": {"message": "The queue is full.", "type": "rate_limit_error"}}))

    page.route("**/v1/responses", answer)
    say(page, "Hello")
    expect(page.get_by_role("alert")).to_contain_text("The queue is full. Try again in 7 s.")
    page.unroute("**/v1/responses")
    page.route("**/v1/responses", lambda route: route.abort())
    page.get_by_role("button", name="Try again").click()
    expect(page.get_by_role("alert")).to_contain_text("The server cannot be reached.")
    page.unroute("**/v1/responses")
    scripted(page, Stream().text("Here I am."))
    page.get_by_role("button", name="Try again").click()
    expect(answers(page)).to_contain_text("Here I am.")


def test_a_key_is_asked_once(page):
    keys = []

    def answer(route):
        keys.append(route.request.headers.get("authorization"))
        if keys[-1] != "Bearer sk-right":
            return route.fulfill(status=401, content_type="application/json", body='{"error": {"message": "no"}}')
        return route.fulfill(status=200, content_type="text/event-stream", body=Stream().text("Welcome.").body())

    page.route("**/v1/responses", answer)
    say(page, "Hello")
    page.get_by_label("Key", exact=True).fill("sk-right")
    page.get_by_role("button", name="Use this key").click()
    finished(page)
    expect(answers(page)).to_contain_text("Welcome.")
    assert keys == [None, "Bearer sk-right"]
    assert page.evaluate("Object.values(localStorage).join()").find("sk-right") < 0


def test_the_keyboard_alone_is_enough(page):
    scripted(page, Stream().text("Fine."))
    page.keyboard.press("Escape")
    page.get_by_label("Message", exact=True).blur()
    page.keyboard.press("?")
    expect(page.get_by_role("dialog", name="Keyboard shortcuts")).to_be_visible()
    page.keyboard.press("Escape")
    page.keyboard.press("/")
    expect(page.get_by_label("Message", exact=True)).to_be_focused()
    page.keyboard.type("How are you?")
    page.keyboard.press("Enter")
    finished(page)
    page.keyboard.press("Control+k")
    expect(page.get_by_label("Search conversations")).to_be_focused()
    page.keyboard.press("Tab")
    page.keyboard.press("Control+Slash")
    expect(page.get_by_role("menuitemradio").first).to_be_focused()
    page.keyboard.press("Escape")
    expect(page.get_by_role("button", name=re.compile("^Model: "))).to_be_focused()
    page.keyboard.press("Control+Comma")
    expect(page.get_by_role("dialog", name="Chat settings")).to_be_visible()
    page.keyboard.press("Escape")
    page.keyboard.press("Alt+r")
    expect(answers(page).locator(".branches")).to_contain_text("2 / 2")


def test_two_tabs_show_the_same_conversations(page, context):
    scripted(page, Stream().text("One."), Stream().text("Two."))
    other = context.new_page()
    other.goto("/")
    say(page, "First message")
    finished(page)
    other.get_by_role("link", name="First message").click()
    expect(answers(other)).to_have_count(1)
    say(page, "Second message")
    finished(page, 2)
    expect(answers(other)).to_have_count(2)


def frame_time(page, distance):
    """Returns the median time of a frame in ms while the messages scroll by a distance in each."""
    times = page.evaluate("""distance => new Promise(done => {
        const box = document.querySelector(".chat-scroll"), times = []
        let last = performance.now()
        const step = now => { times.push(now - last); last = now; box.scrollTop -= distance; times.length < 90 ? requestAnimationFrame(step) : done(times.slice(5)) }
        requestAnimationFrame(step)
    })""", distance)
    return sorted(times)[len(times) // 2]


def test_long_conversations_stay_smooth(page, tmp_path):
    messages, parent = [], None
    for index in range(10_000):
        user = index % 2 == 0
        body = {"role": "user", "text": f"Question {index}"} if user else {"role": "assistant", "items": [{"type": "text", "text": f"Answer **{index}**\n\n```js\nlet x = {index}\n```"}]}
        messages.append({"id": f"m{index}", "parent": parent, "at": index + 1, **body})
        parent = f"m{index}"
    others = [{"title": f"Short {index}", "messages": [{"id": "a", "parent": None, "at": 1, "role": "user", "text": "x"}], "leaf": "a"} for index in range(200)]
    file = tmp_path / "long.json"
    file.write_text(json.dumps({"format": "shimmy-conversations", "version": 1, "conversations": [{"title": "Long one", "messages": messages, "leaf": parent}, *others]}))
    page.get_by_role("button", name="More about conversations").click()
    with page.expect_file_chooser() as chooser:
        page.get_by_role("menuitem", name="Import conversations").click()
    chooser.value.set_files(file)
    expect(page.get_by_text("201 conversations imported.")).to_be_visible(timeout=60 * SECONDS)
    page.get_by_label("Search conversations").fill("Long one")
    page.get_by_role("link", name="Long one").click()
    expect(page.get_by_text("Question 9998", exact=True)).to_be_visible()
    assert page.locator(".message.built").count() < 200
    assert frame_time(page, 120) < 2 * frame_time(page, 0) + 17
    began = page.evaluate("performance.now()")
    scripted(page, Stream().text("A last answer."))
    say(page, "One more.")
    expect(page.get_by_text("A last answer.")).to_be_visible()
    assert page.evaluate("performance.now()") - began < 5 * SECONDS


@pytest.mark.parametrize("width", [320, 360, 1024, 1920, 2560])
@pytest.mark.parametrize("direction", ["ltr", "rtl"])
def test_every_width_and_direction_fits(page, width, direction):
    scripted(page, Stream().reasoning("Hm.").text(MARKDOWN + "\n\n" + "x" * 500).call("add", '{"a": 2}'))
    page.set_viewport_size({"width": width, "height": 800})
    page.evaluate("direction => { document.documentElement.dir = direction }", direction)
    say(page, "شرح " + "y" * 300)
    finished(page)
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    for part in (".composer-box", ".chat-head", ".message.assistant", ".rail"):
        box = page.locator(part).bounding_box()
        assert box["x"] >= -5 and box["x"] + box["width"] <= width + 5, part


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing(page, scheme):
    axe = pytest.importorskip("axe_playwright_python.sync_playwright", reason="axe is not installed").Axe()
    page.emulate_media(color_scheme=scheme, reduced_motion="reduce")
    scripted(page, Stream().reasoning("Hm.").text(MARKDOWN).call("add", '{"a": 2}'))
    script = page.context.new_cdp_session(page)
    script.send("Page.setBypassCSP", {"enabled": True})
    page.reload()

    def check(what):
        found = axe.run(page, options={"runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]})
        assert found.violations_count == 0, f"{what}: {found.generate_report()}"

    expect(page.locator(".welcome h2")).to_be_visible()
    check("welcome")
    say(page, "Show everything.")
    finished(page)
    page.get_by_text("Reasoning", exact=True).click()
    check("conversation")
    page.get_by_role("button", name="Chat settings").click()
    check("settings")
    page.keyboard.press("Escape")
    page.get_by_role("button", name=re.compile("^Model: ")).click()
    check("menu")
    page.keyboard.press("Escape")
    page.set_viewport_size({"width": 360, "height": 800})
    check("narrow")


def imported(page, tmp_path, **conversation):
    """Imports a conversation, and returns its entry in the list."""
    path = tmp_path / "import.json"
    path.write_text(json.dumps({"format": "shimmy-conversations", "version": 1, "conversations": [conversation]}))
    page.get_by_role("button", name="More about conversations").click()
    with page.expect_file_chooser() as chooser:
        page.get_by_role("menuitem", name="Import conversations").click()
    chooser.value.set_files(path)
    return page.locator(".conversation").filter(has_text=conversation["title"])


def test_a_hostile_import_hangs_nothing_and_runs_nothing(page, tmp_path):
    """Messages that are their own parents, settings of wrong types, and a tool that would run by itself."""
    ring = [{"id": "a", "parent": "b", "role": "user", "text": "First"}, {"id": "b", "parent": "a", "role": "user", "text": "Second"},
            {"role": "user", "text": "Nameless", "at": 1e300}, {"id": "c", "parent": "c", "role": "user", "text": "Own parent"}]
    tool = {**json.loads(TOOL), "code": "return 1", "auto": True}
    settings = {"system": 7, "temperature": "hot", "format": {}, "compare": [], "tools": [tool, None, 5, {"name": "<b>"}]}
    entry = imported(page, tmp_path, title="Ring", leaf="a", updated=1e300, created="x", settings=settings, messages=ring)
    expect(entry).to_be_visible()
    expect(page.locator(".day")).to_have_text(["Today"])
    entry.locator("a").click()
    expect(page.locator(".message.user").first).to_be_visible()
    page.get_by_role("button", name=re.compile("(Previous|Next) version"), disabled=False).first.click()
    expect(page.locator(".message.user").first).to_be_visible()
    page.locator(".composer").get_by_role("button", name="Tools (1)").click()
    expect(page.get_by_role("dialog").locator(".chip")).to_have_text("JavaScript")
    page.keyboard.press("Escape")


def test_the_form_of_an_answer_belongs_to_one_conversation(page):
    page.get_by_role("button", name="Chat settings").click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_label("Temperature").fill("0.5")
    dialog.get_by_label("Form", exact=True).select_option("schema")
    rule = dialog.get_by_label("JSON schema")
    rule.fill("[]")
    dialog.get_by_role("button", name="Save").click()
    expect(dialog.get_by_role("alert")).to_have_text("A JSON schema is an object.")
    rule.fill('{"type": "object"}')
    dialog.get_by_role("button", name="Save").click()
    expect(page.locator(".composer").get_by_role("button", name="Schema")).to_be_visible()
    page.reload()
    expect(page.locator(".composer").get_by_role("button", name="Tools")).to_be_visible()
    expect(page.locator(".composer").get_by_role("button", name="Schema")).to_have_count(0)
    page.get_by_role("button", name="Chat settings").click()
    expect(dialog.get_by_label("Temperature")).to_have_value("0.5")
    page.keyboard.press("Escape")


def test_the_navigation_returns_to_the_last_conversation(page):
    scripted(page, Stream().text("Yes."))
    say(page, "One?")
    finished(page)
    expect(page).to_have_url(re.compile("#/chat/[0-9a-f]+$"))
    address = page.url
    page.get_by_role("link", name="Help").click()
    expect(page.get_by_role("heading", name="Help")).to_be_visible()
    page.get_by_role("link", name="Chat", exact=True).click()
    expect(page).to_have_url(address)
    expect(answers(page)).to_contain_text("Yes.")


def test_an_edit_keeps_the_draft(page):
    scripted(page, Stream().text("Yes."))
    say(page, "One?")
    finished(page)
    field = page.get_by_label("Message", exact=True)
    field.fill("My next thought")
    page.locator(".message.user").hover()
    page.get_by_role("button", name="Edit and send again").click()
    expect(field).to_have_value("One?")
    say(page, "Two?")
    finished(page)
    expect(field).to_have_value("My next thought")


def test_a_deleted_conversation_does_not_come_back(page):
    choose(page, **{"Max tokens": "400", "Temperature": "0"})
    say(page, "Write a very long story.")
    expect(answers(page).locator(".prose")).not_to_be_empty()
    page.locator(".conversation").hover()
    page.get_by_role("button", name=re.compile("^Actions for")).click()
    page.get_by_role("menuitem", name="Delete").click()
    page.get_by_role("dialog").get_by_role("button", name="Delete", exact=True).click()
    expect(page.locator(".conversation")).to_have_count(0)
    page.reload()
    expect(page.locator(".conversations")).to_have_text("Your conversations will be listed here.")


def test_an_answer_is_stopped_before_the_server_has_named_it(page, server):
    """Without its ID, an answer in the background would run on at the server."""
    held, cancelled = [], []
    page.route("**/v1/responses", lambda route: held.append(route))
    page.on("request", lambda sent: cancelled.append(sent.url) if sent.url.endswith("/cancel") else None)
    on_server(page)
    choose(page, **{"Max tokens": "2000", "Temperature": "0"})
    with page.expect_request("**/v1/responses"):
        say(page, "Write a very long story.")
    page.get_by_role("button", name="Stop", exact=True).click()
    expect(answers(page)).to_contain_text("Stopping…")
    with page.expect_response(re.compile("/cancel$")) as response:
        held[0].continue_()
    assert response.value.ok and len(cancelled) == 1
    finished(page)
    expect(answers(page)).to_contain_text("Stopped.")
    assert server.request("GET", "/v1/responses/" + cancelled[0].split("/")[-2]).json["status"] == "cancelled"


def test_a_conversation_that_the_server_has_lost_goes_on(page, server):
    on_server(page)
    short(page)
    say(page, "Name a river.")
    finished(page)
    first = stored(page)
    assert server.request("DELETE", f"/v1/conversations/{first}").status == 200
    say(page, "And a lake.")
    expect(answers(page).last.get_by_role("button", name="Try again")).to_be_visible()
    answers(page).last.get_by_role("button", name="Try again").click()
    finished(page, 2)
    assert [text for role, text in contents(server, stored(page)) if role == "user"] == ["Name a river.", "And a lake."]


def test_the_results_of_calls_are_given_once(page):
    """A person's result and one of the code can come at the same time."""
    bodies = []
    scripted(page, Stream().call("add", "{}"), Stream("resp_two").text("Thanks."), requests=bodies)
    add_tool(page, "await new Promise(done => setTimeout(done, 300)); return 'of the code'")
    say(page, "Add.")
    expect(page.get_by_role("button", name="Run its JavaScript")).to_be_visible()
    page.get_by_role("button", name="Run its JavaScript").click()
    page.get_by_label("Result").fill("of the person")
    page.get_by_role("button", name="Send the result").click()
    finished(page, 2)
    expect(answers(page).first).to_contain_text("of the person")
    expect(page.locator("iframe")).to_have_count(0)
    assert len(bodies) == 2


def test_a_missing_model_replaces_no_choice(page, server):
    scripted(page, Stream().text("Yes."))
    say(page, "Hello?")
    finished(page)
    page.route("**/v1/models", lambda route: route.abort())
    page.reload()
    expect(page.get_by_role("button", name="Model: No connection")).to_be_visible()
    page.unroute("**/v1/models")
    page.reload()
    expect(page.get_by_role("button", name=f"Model: {MODEL}")).to_be_visible()
