"""A browser for the views of the page: Playwright drives a Chromium of this machine and downloads none."""

import contextlib
import shutil

import pytest

playwright = pytest.importorskip("playwright.sync_api", reason="Playwright is not installed")
expect = playwright.expect

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
SECONDS = 1000
RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
WIDTHS = (320, 1024, 1920)


@contextlib.contextmanager
def launched(*arguments: str):
    """A browser with further arguments of Chromium."""
    program = next(filter(None, map(shutil.which, NAMES)), None)
    if program is None:
        pytest.skip("this machine has no Chromium")
    with playwright.sync_playwright() as driver:
        with driver.chromium.launch(executable_path=program, args=list(arguments)) as browser:
            yield browser


@pytest.fixture(scope="module")
def browser():
    with launched() as browser:
        yield browser


def watch(page, server, problems: list[str]):
    """Collects messages of the console, errors and requests to other servers."""
    page.on("console", lambda message: problems.append(message.text) if message.type in ("error", "warning") and "Failed to load resource" not in message.text else None)
    page.on("pageerror", lambda error: problems.append(str(error)))
    page.on("request", lambda sent: None if sent.url.startswith((server.url + "/", "data:", "blob:")) else problems.append(sent.url))


@contextlib.contextmanager
def opened(browser, server, key: str | None = None, **options):
    """A page of the server. It must report nothing to the console and ask no other server.

    key: an API key that this browser keeps.
    """
    problems = []
    with browser.new_context(viewport={"width": 1200, "height": 900}, base_url=server.url, reduced_motion="reduce", **options) as context:
        context.set_default_timeout(30 * SECONDS)
        if key is not None:
            context.add_init_script(f"localStorage.getItem('shimmy.key') ?? localStorage.setItem('shimmy.key', JSON.stringify('{key}'))")
        page = context.new_page()
        watch(page, server, problems)
        yield page
    assert problems == []


def forget_conversations(server):
    """Deletes the conversations that earlier tests stored on the server, which the list of chats would show."""
    while found := server.request("GET", "/v1/conversations?limit=100").json["data"]:
        for conversation in found:
            assert server.request("DELETE", f"/v1/conversations/{conversation['id']}").status == 200


def is_too_wide(page) -> bool:
    return page.evaluate("document.documentElement.scrollWidth > innerWidth || document.querySelector('main').scrollWidth > document.querySelector('main').clientWidth")


def check_everybody_can_use(page, what: str = "view"):
    """Fails if axe finds a violation, in light or dark, or if a width makes the view scroll sideways."""
    axe = pytest.importorskip("axe_playwright_python.sync_playwright", reason="axe is not installed").Axe()
    page.context.new_cdp_session(page).send("Page.setBypassCSP", {"enabled": True})
    for scheme in ("light", "dark"):
        page.emulate_media(color_scheme=scheme, reduced_motion="reduce")
        for width in WIDTHS:
            page.set_viewport_size({"width": width, "height": 900})
            assert not is_too_wide(page), f"{what} at {width}"
            found = axe.run(page, options={"runOnly": RULES})
            assert found.violations_count == 0, f"{what}, {scheme}, {width}: {found.generate_report()}"
    page.set_viewport_size({"width": 1200, "height": 900})


def tab_to(page, element, most: int = 80):
    """Moves the focus to an element with the Tab key alone."""
    for _ in range(most):
        page.keyboard.press("Tab")
        if element.evaluate("element => element === document.activeElement"):
            return
    raise AssertionError("the Tab key does not reach the element")
