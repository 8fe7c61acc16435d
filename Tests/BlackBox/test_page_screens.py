"""The page on every screen: widths, directions, contrast and motion, how soon it appears, and what it loads for that."""

import statistics

import pytest

from page_answers import Stream, scripted
from page_views import SECONDS, browser, check_everybody_can_use, expect, is_too_wide, opened  # noqa: F401
from server import MODEL, Server, make_home

VIEWS = {"chat": "What would you like to know?", "models": "Models", "now": "Now", "requests": "Requests", "keys": "Keys and usage", "help": "Help"}
# The milliseconds until the first text is drawn, and the number of starts of which the middle one counts.
FIRST_PAINT, STARTS = 200, 7


@pytest.fixture
def page(browser, server):  # noqa: F811
    with opened(browser, server) as page:
        yield page


def show(page, name: str):
    page.goto(f"/#/{name}")
    expect(page.get_by_role("heading", name=VIEWS[name], exact=True).first).to_be_visible()
    page.wait_for_function("() => ![...document.querySelectorAll('main .spinner')].some(each => each.checkVisibility())")


def loaded(page, file: str) -> int:
    """Returns how often the page has asked for a file."""
    return page.evaluate("file => performance.getEntriesByType('resource').filter(each => each.name.endsWith(file)).length", file)


def first_paint(browser, server, path: str) -> float:  # noqa: F811
    """Returns the milliseconds until a browser with an empty cache draws the first text of a document."""
    with opened(browser, server) as page:
        page.goto(path)
        return page.evaluate("""() => new Promise(done => {
            const find = list => list.getEntriesByName("first-contentful-paint")[0]?.startTime
            new PerformanceObserver(list => { const found = find(list); if (found !== undefined) done(found) }).observe({ type: "paint", buffered: true })
        })""")


def test_the_first_paint_is_early(browser, server):  # noqa: F811
    """A text without styles and scripts takes the time of the browser itself, which does not count. Neither does the first start, which warms it up."""
    times = [(first_paint(browser, server, "/"), first_paint(browser, server, "/health")) for _ in range(STARTS + 1)][1:]
    page, text = (statistics.median(each) for each in zip(*times))
    assert page - text < FIRST_PAINT, times


@pytest.mark.parametrize("name", ["chat", "keys"])
def test_a_locale_that_is_no_language(page, name):
    """Some browsers give the locale of a system without languages, which is none of the languages of the web."""
    page.add_init_script("Object.defineProperty(navigator, 'language', { get: () => 'C' })")
    show(page, name)


def test_files_keep_for_ever(page):
    """A second visit asks for the document alone, and for the API."""
    page.goto("/")
    expect(page.get_by_role("button", name=f"Model: {MODEL}")).to_be_visible()
    page.wait_for_load_state("networkidle")
    page.reload()
    expect(page.get_by_role("button", name=f"Model: {MODEL}")).to_be_visible()
    page.wait_for_load_state("networkidle")
    sizes = page.evaluate("performance.getEntriesByType('resource').filter(each => each.name.includes('/page/')).map(each => each.transferSize)")
    assert len(sizes) > 20 and not any(sizes)


def test_markdown_comes_with_the_first_answer(page):
    scripted(page, Stream().text("A **bold** word."))
    show(page, "chat")
    assert loaded(page, "/markdown.js") == 0
    page.get_by_label("Message", exact=True).fill("Hello")
    page.keyboard.press("Enter")
    expect(page.locator(".message.assistant strong")).to_have_text("bold")
    assert loaded(page, "/markdown.js") == 1
    page.reload()
    expect(page.locator(".message.assistant strong")).to_have_text("bold")


def test_an_answer_without_its_markdown_is_plain_text(page):
    page.route("**/markdown.js", lambda route: route.abort())
    scripted(page, Stream().reasoning("I *think*.").text("A **bold** word."))
    show(page, "chat")
    page.get_by_label("Message", exact=True).fill("Hello")
    page.keyboard.press("Enter")
    expect(page.locator(".message.assistant .message-body > .prose")).to_have_text("A **bold** word.")
    page.get_by_text("Reasoning", exact=True).click()
    expect(page.get_by_text("I *think*.")).to_be_visible()


@pytest.mark.parametrize("name", VIEWS)
def test_every_width_fits_in_both_directions(page, name):
    show(page, name)
    for direction in ("ltr", "rtl"):
        page.evaluate("direction => { document.documentElement.dir = direction }", direction)
        for width in (320, 480, 768, 1024, 1440, 2560):
            page.set_viewport_size({"width": width, "height": 800})
            assert not is_too_wide(page), f"{name} at {width} {direction}"
            box = page.locator(".rail").bounding_box()
            assert box["x"] >= 0 and box["x"] + box["width"] <= width, f"the navigation of {name} at {width} {direction}"


@pytest.mark.parametrize("name", VIEWS)
def test_more_contrast(page, name):
    page.emulate_media(contrast="more")
    show(page, name)
    assert page.evaluate("getComputedStyle(document.body).color") == "rgb(0, 0, 0)"
    check_everybody_can_use(page, f"{name} with more contrast")
    page.emulate_media(color_scheme="dark", contrast="more")
    assert page.evaluate("getComputedStyle(document.body).color") == "rgb(255, 255, 255)"


@pytest.mark.parametrize("name", VIEWS)
def test_the_systems_colours(page, name):
    """With colours that the system forces, edges show what backgrounds showed before."""
    page.emulate_media(forced_colors="active")
    show(page, name)
    assert page.evaluate("matchMedia('(forced-colors: active)').matches")
    without = """[...document.querySelectorAll("main button, dialog button")].filter(each => each.checkVisibility()
        && Number.parseFloat(getComputedStyle(each).borderTopWidth) === 0).map(each => each.outerHTML)"""
    assert page.evaluate(without) == []
    assert not is_too_wide(page)


def test_motion_is_reduced_on_request(page):
    page.goto("/")
    quick = "getComputedStyle(document.documentElement).getPropertyValue('--quick').trim()"
    assert page.evaluate(quick) == "0ms"
    page.emulate_media(reduced_motion="no-preference")
    assert page.evaluate(quick) == "140ms"


def test_a_key_is_kept_in_the_browser_on_request(browser, tmp_path):  # noqa: F811
    with Server(make_home(tmp_path / "home"), "--api-key", "secret") as server, opened(browser, server) as page:
        model = page.get_by_role("button", name=f"Model: {MODEL}")
        dialog = page.get_by_role("dialog", name="API key")
        page.goto("/")
        dialog.get_by_label("Key", exact=True).fill("wrong")
        dialog.get_by_role("button", name="Use this key").click()
        expect(dialog.get_by_role("alert")).to_have_text("The server does not accept this key.")
        dialog.get_by_label("Key", exact=True).fill("secret")
        dialog.get_by_role("button", name="Use this key").click()
        expect(model).to_be_visible()
        assert page.evaluate("localStorage.getItem('shimmy.key')") is None
        # Without a request it is forgotten with the page.
        page.reload()
        dialog.get_by_label("Key", exact=True).fill("secret")
        dialog.get_by_label("Keep it in this browser").check()
        dialog.get_by_role("button", name="Use this key").click()
        expect(model).to_be_visible()
        page.reload()
        expect(model).to_be_visible()
        expect(dialog).to_have_count(0)
        page.get_by_role("button", name="More", exact=True).click()
        page.get_by_role("menuitem", name="Forget the key").click()
        expect(dialog).to_be_visible(timeout=10 * SECONDS)
        assert page.evaluate("localStorage.getItem('shimmy.key')") is None
