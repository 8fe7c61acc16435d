"""The models of the page in a browser: loading, downloads from a hub, suggestions, and keys that may change nothing."""

import json
import re

import pytest

from fake_hub import FakeHub
from page_views import SECONDS, browser, check_everybody_can_use, expect, opened, tab_to  # noqa: F401
from server import MODEL, MODEL_FILE, REPOSITORY, Server, make_home, put_model, run, wait_until

SUGGESTED = "Qwen/Qwen3-4B-GGUF"
SUGGESTIONS = json.loads((REPOSITORY / "Page/app/data/suggestions.json").read_text())


@pytest.fixture(scope="module")
def hub():
    hub = FakeHub()
    hub.repositories[SUGGESTED] = {"Qwen3-4B-Q4_K_M.gguf": MODEL_FILE.read_bytes()}
    yield hub
    hub.close()


@pytest.fixture(scope="module")
def machine(tmp_path_factory, hub):
    """A server with a model in a folder that is not Shimmy's own."""
    home = tmp_path_factory.mktemp("machine")
    put_model(home / "models" / MODEL_FILE.name)
    with Server(home, "--model-dir", str(home / "models"), HF_ENDPOINT=hub.url) as server:
        yield server


@pytest.fixture
def page(browser, machine):  # noqa: F811
    with opened(browser, machine) as page:
        page.goto("/#/models")
        expect(item(page, MODEL)).to_be_visible()
        yield page
    machine.request("POST", "/v1/models/unload", {"model": MODEL})


def item(page, name: str):
    return page.locator(f'[data-model="{name}"]')


def button(page, name: str):
    return page.get_by_role("button", name=name, exact=True)


def choose(page, model: str, text: str):
    button(page, f"More for {model}").click()
    page.get_by_role("menuitem", name=re.compile(f"^{text}")).click()


def engine(server) -> dict:
    return server.request("GET", "/v1/engine").json


def test_a_model_is_loaded_and_unloaded(page, machine):
    expect(page.get_by_text("No model is loaded.")).to_be_visible()
    button(page, f"Load {MODEL}").click()
    expect(item(page, MODEL).get_by_text("Loaded", exact=True)).to_be_visible(timeout=60 * SECONDS)
    assert engine(machine)["data"][0]["state"] == "loaded"
    expect(page.get_by_role("img", name=re.compile(f"Memory of models: {re.escape(MODEL)}"))).to_be_visible()
    button(page, f"Unload {MODEL}").click()
    expect(button(page, f"Load {MODEL}")).to_be_visible()
    wait_until(lambda: engine(machine)["data"] == [], "the unloading")


def test_a_model_that_another_client_loads_appears(page, machine):
    assert machine.request("POST", "/v1/models/load", {"model": MODEL}).status == 200
    expect(button(page, f"Unload {MODEL}")).to_be_visible()


def test_a_model_is_kept_for_a_time(page, machine):
    choose(page, MODEL, "Keep loaded for an hour")
    expect(item(page, MODEL).get_by_text("is freed in 60 min")).to_be_visible(timeout=60 * SECONDS)
    assert engine(machine)["data"][0]["expires_at"] is not None
    choose(page, MODEL, "Keep loaded until")
    expect(item(page, MODEL).get_by_text("stays until the memory is needed")).to_be_visible()


def test_a_model_is_pinned(page, machine):
    choose(page, MODEL, "Pin")
    expect(item(page, MODEL).get_by_text("Pinned", exact=True)).to_be_visible(timeout=60 * SECONDS)
    expect(item(page, MODEL).get_by_text("stays until it is unloaded")).to_be_visible()
    assert engine(machine)["data"][0]["pinned"] is True
    pin = button(page, f"Pin {MODEL}")
    expect(pin).to_have_attribute("aria-pressed", "true")
    pin.click()
    expect(pin).to_have_attribute("aria-pressed", "false")
    assert engine(machine)["data"][0]["pinned"] is False
    pin.click()
    expect(pin).to_have_attribute("aria-pressed", "true")
    button(page, f"More for {MODEL}").click()
    expect(page.get_by_role("menuitem", name=re.compile("^Unpin"))).to_be_visible()


def test_the_details_have_the_memory_plan_and_an_address(page, machine):
    facts = machine.request("GET", f"/v1/models/{MODEL}").json["shimmy"]
    page.get_by_role("link", name=MODEL).click()
    dialog = page.get_by_role("dialog", name=MODEL)
    expect(dialog.get_by_text("A folder of models")).to_be_visible()
    expect(dialog.get_by_text(f"{facts['context_length']:,} tokens", exact=True).first).to_be_visible()
    expect(dialog.get_by_role("img", name=re.compile("Memory plan: Weights .*, KV cache and buffers"))).to_be_visible()
    expect(dialog.get_by_text("apache-2.0")).to_be_visible()
    page.reload()
    expect(dialog).to_be_visible()
    page.keyboard.press("Escape")
    expect(dialog).to_have_count(0)
    assert page.url.endswith("#/models")


def test_the_search_and_the_order(page):
    field = page.get_by_label("Search models")
    page.keyboard.press("/")
    expect(field).to_be_focused()
    field.fill("q4_1 llama")
    expect(item(page, MODEL)).to_be_visible()
    field.fill("there is no such model")
    expect(page.get_by_role("heading", name="No such model")).to_be_visible()


def test_nothing_is_fetched_without_asking(page, hub):
    hub.requests.clear()
    expect(page.get_by_text(SUGGESTIONS["date"])).to_be_visible()
    button(page, "Pull Qwen3 4B").click()
    dialog = page.get_by_role("dialog", name="Pull a model")
    expect(dialog.get_by_label("Address")).to_have_value(f"{SUGGESTED}:Q4_K_M")
    expect(dialog.get_by_text("2.5 GB")).to_be_visible()
    dialog.get_by_role("button", name="Cancel").click()
    expect(dialog).to_have_count(0)
    button(page, "Pull a model").click()
    dialog.get_by_label("Address").fill("not an address")
    page.keyboard.press("Enter")
    expect(dialog.get_by_role("alert")).to_contain_text("not an address")
    assert hub.requests == []


def test_a_download_is_paused_resumed_and_deleted(page, hub, machine):
    name = f"{SUGGESTED}:Q4_K_M"
    hub.seconds_per_piece = 0.05
    button(page, "Pull Qwen3 4B").click()
    page.get_by_role("dialog").get_by_role("button", name="Pull", exact=True).click()
    bar = page.get_by_role("progressbar", name=f"Download of {name}")
    expect(bar).to_have_attribute("aria-valuenow", re.compile(r"^([5-9]|[1-9]\d)$"))
    expect(page.locator(".pull")).to_contain_text("MB/s")
    button(page, f"Pause {name}").click()
    wait_until(lambda: hub.active == 0, "the end of the downloads")
    expect(page.locator(".pull")).to_contain_text("Paused")
    # The page remembers the download, and the server the bytes.
    page.reload()
    before = int(bar.get_attribute("aria-valuenow"))
    assert before >= 5
    hub.seconds_per_piece = 0
    button(page, f"Resume {name}").click()
    expect(item(page, name)).to_be_visible(timeout=60 * SECONDS)
    expect(bar).to_have_count(0)
    expect(button(page, "Pull Qwen3 4B")).to_have_count(0)
    choose(page, name, "Delete")
    page.get_by_role("dialog").get_by_role("button", name="Delete", exact=True).click()
    expect(item(page, name)).to_have_count(0)
    assert name not in [model["id"] for model in machine.request("GET", "/v1/models").json["data"]]


def test_a_download_runs_on_in_other_views_and_can_be_cancelled(page, hub):
    hub.seconds_per_piece = 0.05
    button(page, "Pull a model").click()
    page.get_by_label("Address").fill(SUGGESTED)
    page.keyboard.press("Enter")
    expect(page.locator(".pull")).to_contain_text("Downloading")
    page.get_by_role("link", name="Help").click()
    expect(page.get_by_role("heading", name="Help")).to_be_visible()
    page.get_by_role("link", name="Models", exact=True).click()
    expect(button(page, f"Pause {SUGGESTED}")).to_be_visible()
    button(page, f"Cancel {SUGGESTED}").click()
    expect(page.locator(".pull")).to_have_count(0)
    wait_until(lambda: hub.active == 0, "the end of the downloads")
    hub.seconds_per_piece = 0


def unfinished(page, name: str):
    return page.locator(f'[data-unfinished="{name}"]')


def interrupt(page, hub):
    """Begins a download, cancels it when a part has arrived, and returns its address."""
    hub.seconds_per_piece = 0.05
    button(page, "Pull a model").click()
    page.get_by_label("Address").fill(SUGGESTED)
    page.keyboard.press("Enter")
    expect(page.get_by_role("progressbar", name=f"Download of {SUGGESTED}")).to_have_attribute("aria-valuenow", re.compile(r"^([5-9]|[1-9]\d)$"))
    button(page, f"Cancel {SUGGESTED}").click()
    wait_until(lambda: hub.active == 0, "the end of the downloads")
    hub.seconds_per_piece = 0
    return f"{SUGGESTED}:Q4_K_M"


def test_an_unfinished_download_goes_on_in_another_browser(page, browser, hub, machine):
    name = interrupt(page, hub)
    with opened(browser, machine) as other:
        other.goto("/#/models")
        expect(unfinished(other, name)).to_contain_text(re.compile(r"MB of [\d.]+ MB · \d+ % · began"))
        check_everybody_can_use(other, "unfinished")
        button(other, f"Resume {name}").click()
        expect(item(other, name)).to_be_visible(timeout=60 * SECONDS)
        expect(unfinished(other, name)).to_have_count(0)
        choose(other, name, "Delete")
        other.get_by_role("dialog").get_by_role("button", name="Delete", exact=True).click()
        expect(item(other, name)).to_have_count(0)


def test_the_data_of_an_unfinished_download_is_deleted(page, hub, machine):
    name = interrupt(page, hub)
    expect(unfinished(page, name)).to_be_visible()
    button(page, f"Delete the data of {name}").click()
    page.get_by_role("dialog").get_by_role("button", name="Delete", exact=True).click()
    expect(unfinished(page, name)).to_have_count(0)
    expect(page.get_by_role("heading", name="Unfinished downloads")).to_have_count(0)
    assert machine.request("GET", "/admin/downloads").json["data"] == []


def test_an_error_of_the_hub_is_shown(page):
    button(page, "Pull a model").click()
    page.get_by_label("Address").fill("maker/there-is-none")
    page.keyboard.press("Enter")
    expect(page.locator(".pull").get_by_role("alert")).to_contain_text("there-is-none")
    button(page, "Cancel maker/there-is-none").click()


def test_a_foreign_file_is_not_deleted(page):
    button(page, f"More for {MODEL}").click()
    expect(page.get_by_role("menuitem", name=re.compile("^Delete"))).to_be_disabled()
    expect(page.get_by_text("Shimmy deletes only models of its own folder")).to_be_visible()


def test_suggestions_fit_the_machine(page, machine):
    budget = engine(machine)["memory"]["budget"]
    page.get_by_role("button", name=re.compile("^Show all")).click()
    for suggestion in SUGGESTIONS["models"]:
        fit = "good" if suggestion["memory"] <= budget / 2 else "warn" if suggestion["memory"] <= budget else "bad"
        expect(page.locator(f'[data-repository="{suggestion["repository"]}"]')).to_have_attribute("data-fit", fit)


def test_suggestions_agree_with_the_programs_own():
    source = (REPOSITORY / "Sources/ShimmyModels/StarterModel.swift").read_text()
    starters = re.findall(r'StarterModel\(repository: "([^"]+)", memory: ([\d_]+)\)', source)
    assert starters
    memory = {each["repository"]: each["memory"] for each in SUGGESTIONS["models"]}
    assert {name: int(number.replace("_", "")) for name, number in starters}.items() <= memory.items()
    assert all(0 < each["bytes"] < each["memory"] for each in SUGGESTIONS["models"])


def test_everything_by_keyboard(page, machine):
    tab_to(page, button(page, f"Load {MODEL}"))
    page.keyboard.press("Enter")
    expect(button(page, f"Unload {MODEL}")).to_be_visible(timeout=60 * SECONDS)
    # The list was drawn again, and the focus is still on the control.
    expect(button(page, f"Unload {MODEL}")).to_be_focused()
    page.keyboard.press("Tab")
    expect(button(page, f"Pin {MODEL}")).to_be_focused()
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    expect(page.get_by_role("menuitem", name="Details")).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.get_by_role("dialog", name=MODEL)).to_be_visible()


def test_everybody_can_use_it(page):
    check_everybody_can_use(page, "list")
    page.get_by_role("link", name=MODEL).click()
    expect(page.get_by_role("dialog").get_by_text("apache-2.0")).to_be_visible()
    check_everybody_can_use(page, "details")
    page.keyboard.press("Escape")
    button(page, f"More for {MODEL}").click()
    check_everybody_can_use(page, "menu")


def test_a_user_sees_models_and_may_change_none(browser, tmp_path):  # noqa: F811
    home = make_home(tmp_path / "home")
    key = run(home, "key", "create", "ann").stdout.strip()
    with Server(home) as server, opened(browser, server, key) as page:
        page.goto("/#/models")
        expect(item(page, MODEL)).to_be_visible()
        expect(page.get_by_text("need a key with the role admin")).to_be_visible()
        for name in (f"Load {MODEL}", "Scan again"):
            expect(button(page, name)).to_have_count(0)
        button(page, f"More for {MODEL}").click()
        expect(page.get_by_role("menuitem", name=re.compile("^Delete"))).to_have_count(0)
        page.get_by_role("menuitem", name="Chat with it").click()
        expect(page.get_by_role("button", name=re.compile(f"^Model: {re.escape(MODEL)}"))).to_be_visible()


def test_the_legend_names_the_memory_of_a_model(page, machine):
    machine.request("POST", "/v1/models/load", {"model": MODEL})
    legend = page.locator("figure.memory-bar figcaption span", has_text=MODEL).first
    expect(legend).to_contain_text(re.compile(r"\d MB"))
    expect(page.get_by_role("img", name=re.compile(r"^Memory of models: .* \d+ MB"))).to_be_visible()


def test_going_back_from_the_details_stays_there(page):
    page.goto("/#/help")
    expect(page.get_by_role("heading", name="Help")).to_be_visible()
    page.goto(f"/#/models/{MODEL}")
    expect(page.get_by_role("dialog")).to_be_visible()
    page.go_back()
    expect(page.get_by_role("heading", name="Help")).to_be_visible()
    expect(page.get_by_role("dialog")).to_have_count(0)
    # A late event of the dialog must not change the address. Two frames pass before it could.
    page.evaluate("new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))")
    expect(page).to_have_url(re.compile("#/help$"))


def test_a_view_that_is_left_while_it_loads_changes_nothing(browser, machine):  # noqa: F811
    """The files of a view can come when another view is open."""
    with opened(browser, machine) as page:
        held = []
        page.route(re.compile("style/models.css$|views/requests.js$"), lambda route: held.append(route))
        with page.expect_request(re.compile("style/models.css$")):
            page.goto("/#/models")
        with page.expect_request(re.compile("views/requests.js$")):
            page.evaluate("location.hash = '#/requests'")
        page.evaluate("location.hash = '#/help'")
        expect(page.get_by_role("heading", name="Help")).to_be_visible()
        # A view shows that it loads after a quarter of a second. Its timer began before this one.
        page.evaluate("new Promise(done => setTimeout(done, 400))")
        for route in held:
            route.fallback()
        page.wait_for_load_state("networkidle")
        assert len(held) == 2
        expect(page.locator("main h1")).to_have_text(["Help"])
        assert page.title() == "Connect · Shimmy"


def test_sizes_of_suggestions_are_called_approximate(page):
    assert "approximate" in SUGGESTIONS["about"]
    expect(page.get_by_text("Sizes are approximate.")).to_be_visible()


def test_an_address_without_its_slash_opens_the_view(page):
    page.goto("/#help")
    page.reload()
    expect(page.get_by_role("heading", name="Help")).to_be_visible()
    page.goto("/#there-is-none")
    page.reload()
    expect(page.get_by_label("Message", exact=True)).to_be_visible()


def test_a_refused_pull_is_not_offered_again(browser, machine):  # noqa: F811
    with opened(browser, machine) as page:
        refusal = {"error": {"message": "The key 'ann' may not pull models.", "code": "insufficient_permissions"}}
        page.route("**/v1/models/pull", lambda route: route.fulfill(status=403, json=refusal))
        page.goto("/#/models")
        button(page, "Pull a model").click()
        page.get_by_label("Address").fill("maker/model")
        page.keyboard.press("Enter")
        expect(page.get_by_text(refusal["error"]["message"])).to_be_visible()
        expect(button(page, "Pull a model")).to_have_count(0)
        expect(page.locator(".pull")).to_have_count(0)
