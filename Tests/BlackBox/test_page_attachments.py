"""Files, dictation and reading aloud in the chat of the page. A scripted server answers what needs a model that sees, hears or speaks."""

import base64
import io
import json
import re
import struct
import wave
import zlib

import pytest

from page_answers import Stream, scripted
from page_views import SECONDS, check_everybody_can_use, expect, launched, opened
from server import MODEL

DROP = """([name, type, content]) => {
    const data = new DataTransfer()
    data.items.add(new File([Uint8Array.from(atob(content), letter => letter.charCodeAt(0))], name, { type }))
    document.querySelector(".chat").dispatchEvent(new DragEvent("drop", { dataTransfer: data, bubbles: true, cancelable: true }))
}"""
PASTE = """([name, type, content, text]) => {
    const data = new DataTransfer()
    data.items.add(new File([Uint8Array.from(atob(content), letter => letter.charCodeAt(0))], name, { type }))
    if (text) data.setData("text/plain", text)
    document.querySelector("#message").dispatchEvent(new ClipboardEvent("paste", { clipboardData: data, bubbles: true, cancelable: true }))
}"""


def png(width: int, height: int) -> bytes:
    """Returns a red image."""
    def chunk(name: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))
    rows = zlib.compress((b"\0" + b"\xc0\x20\x20" * width) * height)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)) + chunk(b"IDAT", rows) + chunk(b"IEND", b"")


def wav(rate: int, seconds: float) -> bytes:
    file = io.BytesIO()
    with wave.open(file, "wb") as sound:
        sound.setnchannels(1)
        sound.setsampwidth(2)
        sound.setframerate(rate)
        sound.writeframes(b"\0\1" * int(rate * seconds))
    return file.getvalue()


IMAGE, SOUND = png(40, 30), wav(8000, 0.5)


@pytest.fixture(scope="module")
def browser():
    with launched("--use-fake-ui-for-media-stream", "--use-fake-device-for-media-stream", "--autoplay-policy=no-user-gesture-required") as browser:
        yield browser


@pytest.fixture
def page(browser, server):
    with opened(browser, server, accept_downloads=True, permissions=["microphone"]) as page:
        page.goto("/")
        expect(page.get_by_role("button", name=f"Model: {MODEL}")).to_be_visible()
        yield page


def can(page, *capabilities: str, other: str | None = None):
    """Lets the model have further capabilities, and adds a second model that has none of them."""
    def answer(route):
        reply = route.fetch()
        data = reply.json()
        models = [model for model in data["data"] if model["id"] == MODEL]
        if other is not None:
            models.append({**models[0], "id": other, "shimmy": {**models[0]["shimmy"]}})
        models[0]["shimmy"] = {**models[0]["shimmy"], "capabilities": ["chat", *capabilities]}
        route.fulfill(response=reply, json={**data, "data": models})

    page.route(re.compile("/v1/models$"), answer)
    reload(page)


def reload(page):
    page.reload()
    expect(page.get_by_role("button", name=f"Model: {MODEL}")).to_be_visible()


def choose(page, *files: tuple[str, str, bytes]):
    with page.expect_file_chooser() as chooser:
        page.get_by_role("button", name="Attach files").click()
    chooser.value.set_files([{"name": name, "mimeType": kind, "buffer": content} for name, kind, content in files])


def act(page, script: str, name: str, kind: str, content: bytes, *more):
    page.evaluate(script, [name, kind, base64.b64encode(content).decode(), *more])


def tray(page):
    return page.get_by_role("list", name="Attached files").get_by_role("listitem")


def kept(page, slot: str, count: int):
    """Waits until the browser has stored the files of a draft or an edit."""
    page.wait_for_function("""async ([slot, count]) => {
        const db = await new Promise(done => { const open = indexedDB.open("shimmy-drafts"); open.onsuccess = () => done(open.result) })
        const files = db.transaction("files").objectStore("files")
        const all = await new Promise(done => { const keys = files.getAllKeys(); keys.onsuccess = () => { const values = files.getAll(); values.onsuccess = () => done(keys.result.map((key, index) => [key, values.result[index].length])) } })
        db.close()
        return all.some(([key, length]) => key.startsWith(slot) && length === count)
    }""", arg=[slot, count])


def field(page):
    return page.get_by_label("Message", exact=True)


def say(page, text: str, answers: int = 1):
    field(page).fill(text)
    field(page).press("Enter")
    expect(page.locator(".message.assistant")).to_have_count(answers)
    expect(page.locator("[aria-busy=true]")).to_have_count(0)


def data_address(kind: str, content: bytes) -> str:
    return f"data:{kind};base64,{base64.b64encode(content).decode()}"


def test_the_text_of_a_file_goes_into_the_message(page, tmp_path):
    sent = []
    scripted(page, Stream().text("Read."), requests=sent)
    choose(page, ("notes.md", "text/markdown", "# Größe\n\n```\ncode\n```\n".encode()))
    expect(tray(page)).to_contain_text("notes.md")
    say(page, "What is in it?")
    block = 'File "notes.md":\n````\n# Größe\n\n```\ncode\n```\n````'
    assert sent[0]["input"][0]["content"] == [{"type": "input_text", "text": f"What is in it?\n\n{block}"}]
    expect(tray(page)).to_have_count(0)
    reload(page)
    file = page.locator(".message.user .file-text")
    file.get_by_text("notes.md").click()
    expect(file.locator("pre")).to_have_text(block)
    expect(page.locator(".message.user .bubble")).to_have_text("What is in it?")
    page.get_by_role("button", name="More about this conversation").click()
    with page.expect_download() as download:
        page.get_by_role("menuitem", name="Export as Markdown").click()
    assert block in open(download.value.path(), encoding="utf-8").read()


def test_an_image_reaches_a_model_that_sees(page):
    can(page, "vision")
    sent = []
    scripted(page, Stream().text("A red box."), requests=sent)
    act(page, DROP, "box.png", "image/png", IMAGE)
    expect(tray(page).locator("img")).to_have_js_property("naturalWidth", 40)
    say(page, "What is this?")
    assert sent[0]["input"][0]["content"] == [{"type": "input_image", "image_url": data_address("image/png", IMAGE)}, {"type": "input_text", "text": "What is this?"}]
    shown = page.locator(".message.user .files img")
    expect(shown).to_have_js_property("naturalWidth", 40)
    page.get_by_role("button", name="Show box.png").click()
    expect(page.get_by_role("dialog", name="box.png").get_by_role("img", name="box.png")).to_be_visible()
    page.keyboard.press("Escape")
    reload(page)
    expect(shown).to_have_js_property("naturalWidth", 40)


def test_an_image_alone_can_be_sent(page):
    can(page, "vision")
    sent = []
    scripted(page, Stream().text("A red box."), requests=sent)
    expect(page.get_by_role("button", name="Send", exact=True)).to_be_disabled()
    act(page, PASTE, "box.png", "image/png", IMAGE)
    expect(tray(page)).to_have_count(1)
    say(page, "")
    assert [part["type"] for part in sent[0]["input"][0]["content"]] == ["input_image"]
    expect(page.get_by_role("link", name="box.png")).to_be_visible()


def test_pasted_text_stays_text(page):
    act(page, PASTE, "table.png", "image/png", IMAGE, "a\tb")
    act(page, PASTE, "note.txt", "text/plain", b"later")
    expect(tray(page)).to_have_text(re.compile("note.txt"))


def test_a_model_that_cannot_take_an_image_says_so_before_sending(page):
    sent = []
    scripted(page, Stream().text("Hello."), requests=sent)
    act(page, PASTE, "box.png", "image/png", IMAGE)
    expect(tray(page)).to_contain_text(f"{MODEL} cannot take images.")
    field(page).fill("What is this?")
    field(page).press("Enter")
    expect(page.locator(".toast")).to_contain_text(f"{MODEL} cannot take images. Remove box.png, or choose another model.")
    assert sent == [] and page.locator(".message").count() == 0
    page.get_by_role("button", name="Remove box.png").click()
    expect(tray(page)).to_have_count(0)
    say(page, "Hello?")
    assert len(sent) == 1


def test_a_large_image_is_made_smaller(page):
    can(page, "vision")
    sent = []
    scripted(page, Stream().text("Wide."), requests=sent)
    choose(page, ("wide.png", "image/png", png(4096, 100)))
    expect(tray(page).locator("img")).to_have_js_property("naturalWidth", 2048)
    say(page, "How wide?")
    assert sent[0]["input"][0]["content"][0]["image_url"].startswith("data:image/jpeg;base64,")


def test_audio_reaches_a_model_that_hears(page):
    can(page, "audio")
    sent = []
    scripted(page, Stream().text("A hum."), requests=sent)
    # The second file is of a kind that few models read, and becomes one that all do.
    choose(page, ("hum.wav", "audio/wav", SOUND), ("hum.flac", "audio/flac", SOUND))
    expect(tray(page)).to_have_count(2)
    say(page, "What do you hear?")
    first, second, text = sent[0]["input"][0]["content"]
    assert first == {"type": "input_audio", "input_audio": {"data": base64.b64encode(SOUND).decode(), "format": "wav"}}
    with wave.open(io.BytesIO(base64.b64decode(second["input_audio"]["data"]))) as sound:
        assert (sound.getframerate(), sound.getnchannels(), sound.getsampwidth()) == (16000, 1, 2)
        assert abs(sound.getnframes() / 16000 - 0.5) < 0.05
    assert text["type"] == "input_text"
    expect(page.locator(".message.user audio")).to_have_count(2)


def test_a_model_that_does_not_see_gets_a_text_instead(page):
    can(page, "vision", other="blind")
    sent = []
    scripted(page, Stream("one").text("A box."), Stream("two").text("I cannot see."), requests=sent)
    page.get_by_role("button", name="More about this conversation").click()
    page.get_by_role("menuitem", name="Compare two models").click()
    page.get_by_role("menuitem", name="blind").click()
    act(page, DROP, "box.png", "image/png", IMAGE)
    expect(tray(page)).to_have_count(1)
    say(page, "What is this?", 2)
    contents = {body["model"]: body["input"][0]["content"] for body in sent}
    assert contents[MODEL][0]["type"] == "input_image"
    assert contents["blind"] == [{"type": "input_text", "text": 'What is this?\n\n[image "box.png", which this model cannot take]'}]


def test_files_are_bounded(page):
    choose(page, ("data.bin", "application/octet-stream", b"\0\1\2\3"))
    expect(page.locator(".toast")).to_contain_text("data.bin is not a text, an image or audio.")
    choose(page, ("broken.png", "image/png", b"no image"))
    expect(page.locator(".toast").last).to_contain_text("The browser cannot read the image broken.png.")
    choose(page, *((f"{index}.txt", "text/plain", b"text") for index in range(12)))
    expect(page.locator(".toast").last).to_contain_text("A message has at most 10 files.")
    expect(tray(page)).to_have_count(10)


def test_a_long_text_is_cut(page):
    sent = []
    scripted(page, Stream().text("Long."), requests=sent)
    choose(page, ("long.log", "", b"0123456789" * 30_000))
    expect(tray(page)).to_contain_text("cut")
    say(page, "What is this?")
    text = sent[0]["input"][0]["content"][0]["text"]
    assert 'File "long.log" (cut after 200000 characters):' in text and len(text) < 200_200


def test_drafts_with_files_survive_a_reload(page):
    can(page, "vision")
    choose(page, ("notes.txt", "text/plain", b"text"), ("box.png", "image/png", IMAGE))
    expect(tray(page)).to_have_count(2)
    field(page).fill("a draft")
    kept(page, "draft.", 2)
    reload(page)
    expect(field(page)).to_have_value("a draft")
    expect(tray(page)).to_have_count(2)
    sent = []
    scripted(page, Stream().text("Thanks."), requests=sent)
    say(page, "Take them.")
    assert [part["type"] for part in sent[0]["input"][0]["content"]] == ["input_image", "input_text"]
    reload(page)
    expect(page.locator(".message.user .files")).to_be_visible()
    expect(tray(page)).to_have_count(0)
    expect(field(page)).to_have_value("")


def test_edits_survive_a_reload(page):
    can(page, "vision")
    sent = []
    scripted(page, Stream("one").text("First."), Stream("two").text("Second."), requests=sent)
    choose(page, ("box.png", "image/png", IMAGE), ("notes.txt", "text/plain", b"text"))
    expect(tray(page)).to_have_count(2)
    say(page, "What is this?")
    field(page).fill("a draft")
    page.locator(".message.user").hover()
    page.get_by_role("button", name="Edit and send again").click()
    expect(tray(page)).to_have_count(2)
    field(page).fill("What colour is this?")
    page.get_by_role("button", name="Remove notes.txt").click()
    kept(page, "edit.", 1)
    reload(page)
    expect(page.get_by_text("Editing an earlier message.")).to_be_visible()
    expect(field(page)).to_have_value("What colour is this?")
    expect(tray(page)).to_have_text(re.compile("box.png"))
    field(page).press("Enter")
    expect(page.locator(".message.user .branches")).to_contain_text("2 / 2")
    expect(field(page)).to_have_value("a draft")
    assert [part["type"] for part in sent[1]["input"][0]["content"]] == ["input_image", "input_text"]
    assert sent[1]["input"][0]["content"][1]["text"] == "What colour is this?"
    reload(page)
    expect(field(page)).to_have_value("a draft")
    expect(page.get_by_text("Editing an earlier message.")).to_be_hidden()


def test_files_are_exported_and_imported(page, tmp_path):
    can(page, "vision")
    scripted(page, Stream().text("A box."))
    choose(page, ("box.png", "image/png", IMAGE), ("notes.txt", "text/plain", b"some text"))
    expect(tray(page)).to_have_count(2)
    say(page, "What are these?")
    page.get_by_role("button", name="More about this conversation").click()
    with page.expect_download() as download:
        page.get_by_role("menuitem", name="Export as JSON").click()
    data = json.loads(open(download.value.path(), encoding="utf-8").read())
    conversation = data["conversations"][0]
    user = next(message for message in conversation["messages"] if message["role"] == "user")
    assert [file["name"] for file in user["files"]] == ["box.png", "notes.txt"]
    # Another browser has no message of this ID. Files that are not of the page's form are left out.
    conversation.update(id="0" * 24, title="Imported")
    hostile = [{"kind": "image", "name": "x", "data": "data:text/html;base64,PGI+"}, {"kind": "image", "name": "y", "data": "https://evil.example/pixel.png"},
               {"kind": "image", "name": "z", "data": data_address("image/svg+xml", b"<svg/>")}, {"kind": "audio", "name": "w", "data": data_address("image/png", IMAGE)},
               {"kind": "text", "name": "v"}, {"kind": "other"}, None, 5]
    user["files"] = hostile[:4] + user["files"] + hostile[4:]
    path = tmp_path / "import.json"
    path.write_text(json.dumps(data))
    page.get_by_role("button", name="More about conversations").click()
    with page.expect_file_chooser() as chooser:
        page.get_by_role("menuitem", name="Import conversations").click()
    chooser.value.set_files(path)
    page.locator(".conversation").filter(has_text="Imported").locator("a").click()
    expect(page.locator(".message.user .files > *")).to_have_count(2)
    expect(page.locator(".message.user .files img")).to_have_js_property("naturalWidth", 40)


def voice(page, **choices: str):
    page.get_by_role("button", name="More about this conversation").click()
    page.get_by_role("menuitem", name="Voice").click()
    for label, value in choices.items():
        page.get_by_role("dialog").get_by_label(label.replace("_", " ")).select_option(label=value)
    page.get_by_role("dialog").get_by_role("button", name="Save").click()


def test_dictation_writes_into_the_message(page):
    forms = []

    def answer(route):
        forms.append(route.request.post_data_buffer)
        route.fulfill(json={"text": " Hello from the microphone. "})

    page.route("**/v1/audio/transcriptions", answer)
    expect(page.get_by_role("button", name="Dictate")).to_be_hidden()
    # Nothing says that this model transcribes, so the person does.
    voice(page, **{"Model for transcription": MODEL})
    field(page).fill("I say:")
    page.get_by_role("button", name="Dictate").click()
    stop = page.get_by_role("button", name="Stop dictating")
    expect(stop).to_have_attribute("aria-pressed", "true")
    # The first part of a recording comes after a second at the latest.
    page.wait_for_timeout(1200)
    stop.click()
    expect(field(page)).to_have_value("I say: Hello from the microphone.")
    expect(page.get_by_role("button", name="Dictate")).to_be_enabled()
    assert f'name="model"\r\n\r\n{MODEL}\r\n'.encode() in forms[0] and b'filename="speech.wav"' in forms[0]
    sound = wave.open(io.BytesIO(forms[0][forms[0].index(b"RIFF"):]))
    assert sound.getframerate() == 16000 and sound.getnframes() > 4000


def test_the_microphone_is_shown_if_a_model_transcribes(page):
    can(page, "transcription")
    expect(page.get_by_role("button", name="Dictate")).to_be_visible()
    voice(page, **{"Model for transcription": "Off"})
    expect(page.get_by_role("button", name="Dictate")).to_be_hidden()


def test_a_model_reads_an_answer_aloud(page):
    can(page, "speech")
    bodies = []

    def answer(route):
        bodies.append(route.request.post_data_json)
        route.fulfill(body=wav(8000, 0.3), content_type="audio/wav")

    page.route("**/v1/audio/speech", answer)
    scripted(page, Stream().text("**Hello** [there](https://example.org).\n\n```\ncode\n```\n" + "This is a sentence. " * 40))
    say(page, "Hello?")
    page.get_by_role("button", name="Read aloud", exact=True).click()
    expect(page.get_by_role("button", name="Stop reading")).to_be_visible()
    expect(page.get_by_role("button", name="Read aloud", exact=True)).to_be_visible(timeout=60 * SECONDS)
    assert len(bodies) > 1 and all(body["model"] == MODEL and body["voice"] == "alloy" for body in bodies)
    assert bodies[0]["input"].startswith("Hello there. (code) This is a sentence.")
    assert "".join(body["input"] for body in bodies).count("This is a sentence.") == 40


def test_reading_stops(page):
    can(page, "speech")
    page.route("**/v1/audio/speech", lambda route: route.fulfill(body=wav(8000, 60), content_type="audio/wav"))
    scripted(page, Stream().text("Hello."))
    say(page, "Hello?")
    page.get_by_role("button", name="Read aloud", exact=True).click()
    page.get_by_role("button", name="Stop reading").click()
    expect(page.get_by_role("button", name="Read aloud", exact=True)).to_be_visible()


VOICES = """
Object.defineProperty(window, "speechSynthesis", { value: Object.assign(new EventTarget(), {
    cancel() {}, getVoices: () => [{ name: "far", lang: "en", localService: false, default: true }, ...window.near ? [{ name: "near", lang: "en", localService: true }] : []],
    speak(words) { (window.spoken ??= []).push([words.voice.name, words.text]); setTimeout(() => words.onend?.(), 20) },
}) })
window.SpeechSynthesisUtterance = class { constructor(text) { this.text = text } }
"""


def test_the_browsers_own_voice_is_named_and_stays_on_the_machine(page):
    page.add_init_script(VOICES)
    reload(page)
    scripted(page, Stream().text("Hello."))
    say(page, "Hello?")
    button = page.get_by_role("button", name="Read aloud with the browser's voice")
    button.click()
    expect(page.locator(".toast")).to_contain_text("no voice that works without sending the text to its maker")
    page.evaluate("window.near = true")
    button.click()
    expect(page.get_by_role("button", name="Stop reading")).to_have_count(0)
    assert page.evaluate("window.spoken") == [["near", "Hello."]]
    voice(page, **{"Read aloud with": "Off"})
    expect(button).to_have_count(0)


def test_shortcuts_of_a_single_key_can_be_turned_off(page):
    message = field(page)
    message.blur()
    page.keyboard.press("?")
    dialog = page.get_by_role("dialog", name="Keyboard shortcuts")
    dialog.get_by_label("Shortcuts of a single key").uncheck()
    expect(dialog.get_by_text("Write a message")).to_be_hidden()
    page.keyboard.press("Escape")
    for _ in range(2):
        page.keyboard.press("/")
        page.keyboard.press("?")
        page.keyboard.press("Control+k")
        expect(page.get_by_label("Search conversations")).to_be_focused()
        expect(dialog).to_have_count(0)
        reload(page)
        message.blur()
    page.get_by_role("button", name="More", exact=True).click()
    page.get_by_role("menuitem", name="Keyboard shortcuts").click()
    dialog.get_by_label("Shortcuts of a single key").check()
    page.keyboard.press("Escape")
    message.blur()
    page.keyboard.press("/")
    expect(message).to_be_focused()


def test_everybody_can_use_files_and_voice(page):
    can(page, "vision", "audio", "transcription", "speech")
    scripted(page, Stream().text("A box."))
    files = (("box.png", "image/png", IMAGE), (f"{'long-name-' * 15}.txt", "text/plain", b"text " * 500), ("hum.wav", "audio/wav", SOUND))
    choose(page, *files)
    expect(tray(page)).to_have_count(3)
    say(page, "What are these?")
    page.locator(".file-text summary").click()
    choose(page, *files)
    expect(tray(page)).to_have_count(3)
    check_everybody_can_use(page, "files")
    page.get_by_role("button", name="More about this conversation").click()
    page.get_by_role("menuitem", name="Voice").click()
    expect(page.get_by_role("dialog", name="Voice")).to_be_visible()
    check_everybody_can_use(page, "voice")
