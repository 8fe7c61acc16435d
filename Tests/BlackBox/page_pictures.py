"""Takes the pictures of the page in docs/images: each view in three widths, light and dark.

    python3 scripts/run_blackbox.py --page --script page_pictures.py [--all] [--output FOLDER]

The page shows a real server with the test model, its own answers, and requests that run. With --all, there are pictures of all views, to look at after
a change of the page; the documents contain those of the chat, the models and the engine.
"""

import argparse
import json
import tempfile
from pathlib import Path

from page_views import SECONDS, expect, launched
from server import MODEL, REPOSITORY, Server, make_home, wait_until

# Names in file names, and sizes of the window. The names are those of the documents' pictures; the usual size has none.
SIZES = {"narrow": (390, 844), "": (1280, 830), "wide": (1920, 1080)}
SCHEMES = ("light", "dark")
VIEWS = ("chat", "models", "now")
ALL = (*VIEWS, "requests", "keys", "help")
QUESTIONS = ("Name three herbs for a tomato soup.", "Write a haiku about the sea.", "What is the difference between a list and a tuple in Python?")
SHOWN = ("Write a Python function that checks whether a word is a palindrome.", "What is the result for the word level?")
SYSTEM = "You are a patient teacher. You explain each thing with one example from everyday life, and you never use a word that you did not explain. " * 8
# The seconds in which a view loads, the number of requests that run while the engine's picture is taken, and the seconds that its charts need to fill.
SETTLING, RUNNING, FILLING = 2, 5, 12


def file_name(view: str, size: str, scheme: str) -> str:
    """Returns a name such as "page-chat-narrow-dark.png"."""
    return "-".join(part for part in ("page", view, size, "dark" if scheme == "dark" else "") if part) + ".png"


def answered(page, count: int):
    """Waits until the page shows this number of answers and none grows."""
    expect(page.locator(".message.assistant")).to_have_count(count, timeout=60 * SECONDS)
    expect(page.locator("[aria-busy=true]")).to_have_count(0, timeout=60 * SECONDS)
    expect(page.get_by_role("button", name="Send", exact=True)).to_be_visible()


def say(page, text: str, count: int):
    page.get_by_label("Message", exact=True).fill(text)
    page.keyboard.press("Enter")
    answered(page, count)


def chat(page):
    """Holds some conversations with the model. The last one stays open."""
    expect(page.get_by_role("button", name=f"Model: {MODEL}")).to_be_visible()
    for question in QUESTIONS:
        say(page, question, 1)
        page.get_by_role("button", name="New chat").click()
        expect(page.locator(".message")).to_have_count(0)
    for count, question in enumerate(SHOWN, 1):
        say(page, question, count)
    page.get_by_label("Message", exact=True).blur()


def ask(server, number: int):
    """Sends a long request and returns its connection, whose end stops the request."""
    body = {"model": MODEL, "max_tokens": 3000, "ignore_eos": True, "temperature": 0.7, "seed": number, "stream": True,
            "messages": [{"role": "system", "content": SYSTEM}, {"role": "user", "content": f"Explain a bicycle in {number + 3} sentences."}]}
    connection = server.connection()
    connection.request("POST", "/v1/chat/completions", json.dumps(body), {"Content-Type": "application/json"})
    return connection


def settled(page, view: str):
    """Waits until a view shows what it loads."""
    expect(page.locator(f"main.view-{view} h1")).to_be_visible()
    page.wait_for_timeout(SETTLING * SECONDS)
    page.wait_for_function("() => ![...document.querySelectorAll('main .spinner')].some(each => each.checkVisibility())")


def take(page, view: str, output: Path):
    for scheme in SCHEMES:
        page.emulate_media(color_scheme=scheme, reduced_motion="reduce")
        for size, (width, height) in SIZES.items():
            page.set_viewport_size({"width": width, "height": height})
            # Two frames pass before a change of the size is drawn everywhere.
            page.evaluate("new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))")
            if view == "chat":
                page.evaluate("document.querySelector('.chat-scroll').scrollTop = 1e9")
            page.screenshot(path=output / file_name(view, size, scheme), animations="disabled", caret="hide")
            print(file_name(view, size, scheme))


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--all", action="store_true", help="all views")
    parser.add_argument("--output", type=Path, default=REPOSITORY / "docs/images")
    arguments = parser.parse_args()
    arguments.output.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as folder, launched() as browser, Server(make_home(Path(folder) / "home")) as server:
        assert server.request("POST", "/v1/models/load", {"model": MODEL}).status == 200
        with browser.new_context(viewport={"width": 1280, "height": 830}, base_url=server.url, reduced_motion="reduce") as context:
            context.set_default_timeout(30 * SECONDS)
            # Steady answers, and the microphone, which a person gets by choosing a model for it.
            kept = {"shimmy.chat": {"temperature": 0, "max_output_tokens": 160}, "shimmy.model.transcription": MODEL}
            context.add_init_script("".join(f"localStorage.setItem({json.dumps(name)}, {json.dumps(json.dumps(value))});" for name, value in kept.items()))
            page = context.new_page()
            page.goto("/")
            chat(page)
            take(page, "chat", arguments.output)
            for view in ALL[1:] if arguments.all else VIEWS[1:]:
                page.set_viewport_size({"width": 1280, "height": 830})
                page.goto(f"/#/{view}")
                settled(page, view)
                if view == "now":
                    # The time to the first token is that of an answer that ended while the page watched.
                    server.chat("Say hello.")
                running = [ask(server, number) for number in range(RUNNING if view == "now" else 0)]
                if running:
                    wait_until(lambda: server.engine()["running"] == RUNNING, "the start of the requests")
                    page.wait_for_timeout(FILLING * SECONDS)
                take(page, view, arguments.output)
                for connection in running:
                    connection.close()


if __name__ == "__main__":
    main()
