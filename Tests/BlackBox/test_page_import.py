"""Import of conversations from Markdown in the page: from the files of its own export, and from files that people write."""

import pytest

from page_answers import Stream, scripted
from page_views import SECONDS, browser, expect, forget_conversations, opened  # noqa: F401
from server import MODEL

WRITTEN = """# A talk about soup

> Be brief.

## You

What belongs into it?

```md
## You
not a message
```

## any-model

Herbs.

## Which ones

Basil.

## You

Thanks.

## Assistant

You are welcome.
"""


@pytest.fixture
def page(browser, server):  # noqa: F811
    forget_conversations(server)
    with opened(browser, server, accept_downloads=True) as page:
        page.goto("/")
        expect(page.get_by_role("button", name=f"Model: {MODEL}")).to_be_visible()
        yield page


def import_file(page, file):
    page.get_by_role("button", name="More about conversations").click()
    with page.expect_file_chooser() as chooser:
        page.get_by_role("menuitem", name="Import conversations").click()
    chooser.value.set_files(file)


def texts(page, role: str) -> list[str]:
    return [each.strip() for each in page.locator(f".message.{role} .message-body").all_inner_texts()]


def test_an_export_as_markdown_is_imported(page, tmp_path):
    scripted(page, Stream("one").text("First part.\n\n## A heading\n\nSecond part."), Stream("two").text("Yes."))
    for count, question in enumerate(("What is it?", "Really?"), 1):
        page.get_by_label("Message", exact=True).fill(question)
        page.keyboard.press("Enter")
        expect(page.locator(".message.assistant")).to_have_count(count)
        expect(page.locator("[aria-busy=true]")).to_have_count(0, timeout=60 * SECONDS)
    before = texts(page, "user"), texts(page, "assistant")
    page.get_by_role("button", name="More about this conversation").click()
    with page.expect_download() as download:
        page.get_by_role("menuitem", name="Export as Markdown").click()
    file = tmp_path / download.value.suggested_filename
    download.value.save_as(file)
    import_file(page, file)
    expect(page.get_by_text("One conversation imported.")).to_be_visible()
    expect(page.locator(".conversation")).to_have_count(2)
    page.locator(".conversation a:not([aria-current])").click()
    expect(page.locator(".message.assistant h3, .message.assistant h2").first).to_have_text("A heading")
    assert (texts(page, "user"), texts(page, "assistant")) == before


def test_markdown_that_a_person_wrote_is_imported(page, tmp_path):
    file = tmp_path / "soup.md"
    file.write_text(WRITTEN)
    import_file(page, file)
    page.get_by_role("link", name="A talk about soup").click()
    expect(page.locator(".message")).to_have_count(4)
    assert [text.splitlines()[0] for text in texts(page, "user")] == ["What belongs into it?", "Thanks."]
    expect(page.locator(".message.user").first).to_contain_text("not a message")
    expect(page.locator(".message.assistant").first).to_contain_text("Basil.")
    expect(page.get_by_role("button", name="System prompt")).to_be_visible()
    sent = []
    scripted(page, Stream().text("Always."), requests=sent)
    page.get_by_label("Message", exact=True).fill("Any time?")
    page.keyboard.press("Enter")
    expect(page.locator(".message.assistant")).to_have_count(3)
    assert sent[0]["instructions"] == "Be brief."
    assert [item["role"] for item in sent[0]["input"]] == ["user", "assistant", "user", "assistant", "user"]


@pytest.mark.parametrize("name, content, words", [
    ("soup.md", "Only a text.", "The file has no messages."), ("soup.txt", "# Soup", "The file is neither JSON nor Markdown."),
    ("soup.json", "{}", "The file is not an export of this page."),
])
def test_other_files_are_refused(page, tmp_path, name, content, words):
    file = tmp_path / name
    file.write_text(content)
    import_file(page, file)
    expect(page.locator(".toast")).to_contain_text(f"{name}: {words}")
    expect(page.locator(".conversation")).to_have_count(0)


def test_hostile_markdown_is_text(page, tmp_path):
    file = tmp_path / "hostile.md"
    file.write_text("# <img src=x onerror=window.hacked=1>\n\n## You\n\n<script>window.hacked = 1</script>\n\n## <b>model</b>\n\n<script>window.hacked = 1</script>\n" + "## You\n\nx\n\n" * 2000)
    import_file(page, file)
    page.locator(".conversation a").click()
    expect(page.locator(".message").last).to_be_visible()
    assert page.evaluate("window.hacked === undefined && document.querySelectorAll('main script, main b').length === 0")
