"""The page in Firefox and WebKit: what it needs of a browser beside Chromium. The other tests of the page have the details."""

import json

import pytest

import firefox
import webkit
from driven_browser import ENTER
from firefox import Firefox
from server import MODEL
from webkit import WebKit

VIEWS = {"models": "Models", "now": "Now", "requests": "Requests", "keys": "Keys and usage", "help": "Help"}
# An image of one pixel.
PIXEL = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
DROP = """
const [content, name, type] = arguments
const data = new DataTransfer()
data.items.add(new File([type ? Uint8Array.from(atob(content), letter => letter.charCodeAt(0)) : content], name, { type }))
document.querySelector(".chat").dispatchEvent(new DragEvent("drop", { dataTransfer: data, bubbles: true, cancelable: true }))
"""


@pytest.fixture(scope="module", params=["Firefox", "WebKit"])
def browser(tmp_path_factory, request):
    if request.param == "Firefox":
        if firefox.program() is None:
            pytest.skip("this machine has no Firefox; on Debian: apt-get install firefox-esr")
        browser = Firefox(tmp_path_factory.mktemp("firefox"))
    else:
        if webkit.program() is None:
            pytest.skip("this machine has no driver for WebKit; on Debian: apt-get install webkit2gtk-driver xvfb")
        browser = WebKit()
    with browser:
        yield browser


@pytest.fixture
def page(browser, server):
    """The chat with short answers. The console must stay empty."""
    # A page without scripts prepares the storage: a chat that is left while it loads its modules reports those that it did not get.
    browser.open(f"{server.url}/metrics")
    browser.run("localStorage.clear(); localStorage.setItem('shimmy.chat', arguments[0])", json.dumps({"max_output_tokens": 12, "temperature": 0}))
    browser.open(f"{server.url}/#/chat")
    browser.wait("return document.querySelector('.model-picker')?.getAttribute('aria-label') === arguments[0]", f"Model: {MODEL}")
    yield browser
    assert browser.messages(server.url) == []


def answers(page, count):
    """Waits for this number of complete answers and returns their texts."""
    page.wait("""return document.querySelectorAll('.message.assistant').length === arguments[0] && !document.querySelector('[aria-busy=true]')
        && !document.querySelector('.composer [aria-label=Send]').hidden""", count)
    return page.run("return [...document.querySelectorAll('.message.assistant .prose')].map(each => each.innerText.trim())")


def test_an_answer_streams_and_survives_a_reload(page):
    page.write("#message", f"Count from one to twenty.{ENTER}")
    first = answers(page, 1)
    assert first[0]
    page.write("#message", "a draft")
    page.wait("return localStorage.getItem('shimmy.draft.' + location.hash.split('/')[2]) === '\"a draft\"'")
    page.send("WebDriver:Refresh")
    page.wait("return document.querySelector('#message')?.value === 'a draft'")
    assert answers(page, 1) == first


def test_files_are_read_and_shown(page):
    page.run(DROP, "The word is plugh.", "note.txt", "")
    page.wait("return document.querySelector('.tray-name')?.textContent === 'note.txt'")
    page.run(DROP, PIXEL, "dot.png", "image/png")
    page.wait("return document.querySelector('.tray-file.wrong img')?.naturalWidth === 1")
    page.click("[aria-label='Remove dot.png']")
    page.write("#message", f"What is the word?{ENTER}")
    answers(page, 1)
    page.click(".file-text summary")
    assert "The word is plugh." in page.wait("return document.querySelector('.file-text pre').textContent")


def test_code_of_tools_runs_in_its_frame(page):
    result = page.send("WebDriver:ExecuteAsyncScript", args=[], script="""
        const done = arguments[0], main = document.querySelector("script[type=module]").src
        import(new URL("chat/tools.js", main)).then(tools => tools.runTool("try { parent.document.title } catch { return args.a + 1 }", '{"a": 2}')).then(done, error => done(String(error)))""")
    assert result == "3"


@pytest.mark.parametrize("name", VIEWS)
def test_every_view_opens(page, name):
    page.run("location.hash = '#/' + arguments[0]", name)
    page.wait("return document.querySelector('main h1')?.textContent === arguments[0]", VIEWS[name])
    page.wait("return ![...document.querySelectorAll('main .spinner')].some(each => each.checkVisibility())")
    assert page.run("return [...document.querySelectorAll('main .notice.bad')].map(each => each.innerText)") == []
    assert page.run("return document.documentElement.scrollWidth <= innerWidth")
