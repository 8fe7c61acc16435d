"""`shimmy run` in a pseudo-terminal: conversations, editing, sessions, interrupts, and waiting for a model."""

import base64
import json
import os
import re
import signal
import stat
import subprocess

import pexpect
import pytest

from server import BINARY, MODEL, Server, environment, make_home, put_model
from terminal import STEADY, Dialogue, as_seen


@pytest.fixture
def own(tmp_path):
    """A separate home, so that tests do not share history and sessions."""
    return make_home(tmp_path / "own")


@pytest.fixture
def dialogue(own, host):
    with Dialogue(own, "--host", host, *STEADY, MODEL) as dialogue:
        yield dialogue


@pytest.mark.parametrize("local", [True, False])
def test_a_conversation(own, host, local):
    with Dialogue(own, *(["--local"] if local else ["--host", host]), *STEADY, MODEL) as dialogue:
        first = dialogue.ask("Say hello.")
        assert len(first) > 3
        assert dialogue.say("/show messages") == f"user: Say hello.\nassistant: {first}"
        dialogue.say("And again.")
        assert dialogue.say("/show messages").count("user: ") == 2
        assert dialogue.end() == 0


def test_the_next_question_sees_what_was_said(dialogue):
    dialogue.say("My name is Ann.")
    dialogue.say("/set verbose")
    statistics = dialogue.say("What is my name?").splitlines()[-1]
    assert int(re.search(r"\((\d+) cached\)", statistics).group(1)) > 10


def test_lines_are_edited(dialogue):
    dialogue.type("Say ello.", *["left"] * 5, "h", "home", "\x0b", "\x19")
    dialogue.type("\x01", "x", "end", " now", "word left", "\x17", "\r")
    dialogue.expect_prompt()
    assert dialogue.say("/show messages").startswith("user: xSay now\n")


def test_wide_characters_are_edited_by_character(dialogue):
    dialogue.type("日本語", "left", "\x7f", "👋", "left", "left", "é", "\r")
    dialogue.expect_prompt()
    assert dialogue.say("/show messages").startswith("user: é日👋語\n")


def test_a_long_line_wraps_and_stays_whole(own, host):
    text = "one two three four five six seven eight nine ten eleven twelve"
    with Dialogue(own, "--host", host, *STEADY, MODEL, columns=30) as dialogue:
        dialogue.type(text, "home", "! ", "end", "\r")
        dialogue.expect_prompt()
        assert dialogue.say("/show messages").replace("\n", "").startswith(f"user: ! {text}")


def test_a_resized_terminal_is_drawn_again(dialogue):
    dialogue.type("hello")
    dialogue.expect("hello")
    dialogue.child.setwinsize(40, 60)
    dialogue.expect("\r\x1b[J>>> hello")
    dialogue.type("\r")
    dialogue.expect_prompt()
    assert dialogue.say("/show messages").startswith("user: hello\n")


def test_answers_break_between_words(own, host):
    """Every word that the screen shows is a word of the answer."""
    with Dialogue(own, "--host", host, "--set", "temperature=0", "--set", "max_tokens=60", MODEL, columns=30) as dialogue:
        dialogue.type("Write a long story about a whale.\r")
        shown = dialogue.child
        dialogue.expect("\x1b[?2004l")
        shown.expect_exact("\x1b[?2004h")
        rows = screen_rows(shown.before)
        answer = dialogue.say("/show messages").split("assistant: ", 1)[1]
        assert len(rows) > 3
        assert {word for row in rows for word in row.split() if len(word) < 30} <= set(answer.split()) | set(NOTE.split())


NOTE = "The answer was cut: it reached max_tokens or the end of the context."


def screen_rows(output: str) -> list[str]:
    """Returns the rows of an answer on a terminal: the cursor moves back and the rest of a row is erased when a word does not fit."""
    rows = [""]
    for part in re.findall(r"\x1b\[\d*[A-Za-z]|\r\n|[^\x1b\r]+|.", output, re.DOTALL):
        if part == "\r\n":
            rows.append("")
        elif match := re.fullmatch(r"\x1b\[(\d+)D", part):
            rows[-1] = rows[-1][: -int(match[1])]
        elif not part.startswith("\x1b"):
            rows[-1] += part
    return rows


def test_several_lines(dialogue):
    dialogue.type('"""first\r', "second\r", '"""\r')
    dialogue.expect_prompt()
    assert dialogue.say("/show messages").startswith("user: first\nsecond\n")


def test_a_paste_of_several_lines_is_one_message(dialogue):
    dialogue.type("\x1b[200~/not a command\rsecond\x1b[201~", "\x01", "x", "\r")
    dialogue.expect_prompt()
    assert dialogue.say("/show messages").startswith("user: /not a command\nxsecond\n")


def test_history_outlives_the_program(own, host):
    with Dialogue(own, "--host", host, *STEADY, MODEL) as dialogue:
        dialogue.say("First question.")
        dialogue.say('Second "question" 日.')
        assert dialogue.end() == 0
    file = own / ".local/state/shimmy/history.jsonl"
    assert [json.loads(line) for line in file.read_text().splitlines()] == ["First question.", 'Second "question" 日.']
    assert stat.S_IMODE(file.stat().st_mode) == 0o600 and stat.S_IMODE(file.parent.stat().st_mode) == 0o700
    with Dialogue(own, "--host", host, *STEADY, MODEL) as dialogue:
        dialogue.type("up", "up", "down", "up", "\r")
        dialogue.expect_prompt()
        assert dialogue.say("/show messages").startswith("user: First question.\n")
    with Dialogue(own, "--host", host, "--no-history", *STEADY, MODEL) as dialogue:
        dialogue.say("Kept nowhere.")
        assert dialogue.end() == 0
    assert "Kept nowhere" not in file.read_text()


def test_earlier_lines_are_searched(dialogue):
    dialogue.say("First question.")
    dialogue.say("Second question.")
    dialogue.type("draft", "\x12", "FIRST")
    dialogue.expect("search 'FIRST': First question.")
    dialogue.type("\x07")
    dialogue.expect(">>> draft")
    dialogue.type("\x12", "question", "\x12")
    dialogue.expect("search 'question': First question.")
    dialogue.type("\r")
    dialogue.expect_prompt()
    assert dialogue.say("/show messages").count("user: First question.") == 2


def test_the_answer_is_copied_by_the_terminal(dialogue):
    assert "There is no answer yet." in dialogue.say("/copy")
    answer = dialogue.ask("Say hello.")
    dialogue.type("/copy\r")
    dialogue.child.expect(re.compile(r"\x1b\]52;c;([A-Za-z0-9+/=]+)\x07"))
    assert base64.b64decode(dialogue.child.match.group(1)).decode().split() == answer.split()
    assert "terminal's clipboard" in dialogue.expect_prompt()


def test_tools_and_images(dialogue, tmp_path):
    assert f"{MODEL} cannot read images." in dialogue.say("/image photo.png")
    file = tmp_path / "tools.json"
    file.write_text(json.dumps([{"name": "weather", "description": "The weather of a city", "parameters": {"type": "object"}}]))
    assert "There are no tools" in dialogue.say("/tools")
    assert "The model can call 1 tool." in dialogue.say(f"/tools {file}")
    assert dialogue.say("/tools").split() == "weather The weather of a city".split()
    assert "There are no tools." in dialogue.say("/tools off")
    assert "cannot be read" in dialogue.say("/tools /no/such/file")


def test_parameters_are_set_shown_and_checked(dialogue):
    assert "max_tokens is 5." in dialogue.say("/set parameter max_tokens 5")
    assert re.search(r"max_tokens +5 ", dialogue.say("/show parameters"))
    dialogue.say("Tell me a long story.")
    assert "answer 5 tokens" in dialogue.say("/stats")
    assert "takes a number from 0 to 2" in dialogue.say("/set parameter temperature hot")
    assert "there is no parameter warmth" in dialogue.say("/set parameter warmth 1")
    dialogue.say("/set parameter max_tokens")
    assert re.search(r"max_tokens +- ", dialogue.say("/set"))
    assert '["."]' in dialogue.say("/set parameter stop .")
    assert "." not in dialogue.say("Say hello. Then say it again.")


def test_the_system_message_is_set_and_shown(dialogue):
    assert "no system message" in dialogue.say("/show system")
    dialogue.say("/set system Speak French.")
    assert dialogue.say("/system") == "Speak French."
    dialogue.say('/system "Be brief."')
    assert dialogue.say("/show system") == "Be brief."
    dialogue.say('/system ""')
    assert "no system message" in dialogue.say("/show system")


@pytest.mark.parametrize("local", [True, False])
def test_the_model_is_shown(own, host, local):
    with Dialogue(own, *(["--local"] if local else ["--host", host]), MODEL) as dialogue:
        facts = dialogue.say("/show")
        assert MODEL in facts and "llama" in facts and "Q4_1" in facts and "98 MB" in facts
        assert "<|im_start|>" in dialogue.say("/show template")
        assert "alt-enter" in dialogue.say("/help")
        assert "unknown command /nonsense" in dialogue.say("/nonsense")


def test_sessions_are_saved_and_loaded(own, host, dialogue):
    answer = dialogue.ask("Say hello.")
    dialogue.say("/set system Be brief.")
    assert "Saved as mine" in dialogue.say("/save mine")
    for name in ("../mine", "a/b", ".x"):
        assert "is not a session name" in dialogue.say(f"/save {name}")
    assert dialogue.say("/load") == "mine"
    assert "there is no session named 'other'; saved sessions: mine" in dialogue.say("/load other")
    file = own / "data/sessions/mine.json"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert json.loads(file.read_text())["messages"][1] == {"role": "assistant", "content": answer}
    dialogue.say("/clear")
    assert "There are no messages yet" in dialogue.say("/show messages")
    with Dialogue(own, "--host", host, MODEL) as other:
        assert "Loaded 2 messages." in other.say("/load mine")
        assert other.say("/show messages") == f"user: Say hello.\nassistant: {answer}"
        assert other.say("/system") == "Be brief."
        assert re.search(r"max_tokens +12 ", other.say("/show parameters"))
    file.write_text('{"version": 1}')
    assert "the file is not a saved session" in dialogue.say("/load mine")
    assert "There are no messages yet" in dialogue.say("/show messages")


@pytest.mark.parametrize("local", [True, False])
def test_ctrl_c_stops_an_answer_and_keeps_the_session(own, host, server, local):
    with Dialogue(own, *(["--local"] if local else ["--host", host]), "--set", "temperature=0", MODEL) as dialogue:
        dialogue.begin_long_answer()
        dialogue.type("\x03")
        dialogue.expect("the answer so far is kept")
        dialogue.expect_prompt()
        said = dialogue.say("/show messages")
        assert said.startswith("user: Write a long story about a whale.\nassistant: ")
        if not local:
            server.wait_for(lambda engine: engine["running"] == 0, "the end of the sequence")
        dialogue.say("/set parameter max_tokens 5")
        assert dialogue.say("Say hello.")
        assert dialogue.end() == 0


def test_ctrl_c_at_the_prompt_gives_the_line_up(dialogue):
    dialogue.type("half a quest", "\x03")
    assert "ctrl-d or /bye ends" in dialogue.expect_prompt()
    dialogue.say("Say hello.")
    assert dialogue.say("/show messages").startswith("user: Say hello.\n")


def test_an_interrupt_that_comes_too_late_takes_nothing(dialogue):
    """At the prompt ctrl-c is a key. A signal there was meant for an answer that has already ended, and has no effect."""
    dialogue.say("Say hello.")
    for _ in range(3):
        dialogue.child.kill(signal.SIGINT)
    assert dialogue.say("/show messages").startswith("user: Say hello.\n")
    assert dialogue.end() == 0


def test_a_failed_question_is_taken_back(own, start):
    server = start("--ctx-size", "256")
    with Dialogue(own, "--host", f"127.0.0.1:{server.port}", *STEADY, MODEL) as dialogue:
        assert "maximum context length" in dialogue.say("word " * 300)
        assert "There are no messages yet" in dialogue.say("/show messages")
        assert dialogue.say("Say hello.")


def test_a_server_that_goes_away_is_told_and_survived(own, home):
    with Server(home) as server:
        dialogue = Dialogue(own, "--host", f"127.0.0.1:{server.port}", *STEADY, MODEL)
        dialogue.say("Say hello.")
    with dialogue:
        assert "no server answers" in dialogue.say("Again.")
        assert dialogue.say("/show messages").count("user: ") == 1
        assert dialogue.end() == 0


def test_bye_ends(dialogue):
    dialogue.type("/bye\r")
    assert dialogue.wait() == 0


@pytest.mark.parametrize("ends_by", ["ctrl-d", "a signal"])
def test_the_terminal_is_as_before_when_it_ends(own, host, ends_by):
    command = f"stty -a > {own}/before; {BINARY} run --host {host} {MODEL}; stty -a > {own}/after"
    child = pexpect.spawn("sh", ["-c", command], env={**environment(own), "TERM": "xterm"}, encoding="utf-8", timeout=60)
    child.expect_exact(">>> ")
    if ends_by == "ctrl-d":
        child.send("\x04")
    else:
        pid = subprocess.run(["pgrep", "-P", str(child.pid)], capture_output=True, text=True).stdout.split()[0]
        os.kill(int(pid), signal.SIGTERM)
    child.expect(pexpect.EOF)
    child.close()
    assert (own / "before").read_text() == (own / "after").read_text()


@pytest.mark.parametrize("variables", [{"NO_COLOR": "1"}, {"TERM": "dumb"}, {"TERM": "xterm-256color"}])
def test_colours_only_where_they_are_welcome(own, host, variables):
    with Dialogue(own, "--host", host, *STEADY, MODEL, begins=False, **variables) as dialogue:
        shown = dialogue.expect(">>> ")
        assert ("\x1b[2m" in shown) == (variables == {"TERM": "xterm-256color"})
        if variables == {"TERM": "dumb"}:
            assert "\x1b" not in shown
            dialogue.type("/system\n")
            assert "\x1b" not in dialogue.expect("There is no system message.")


# Waiting for a model.


NEWS = re.compile(f"(loading|waiting for memory for) {re.escape(MODEL)}")


def test_a_load_in_this_process_is_shown_and_vanishes(own):
    with Dialogue(own, "--local", *STEADY, MODEL, begins=False) as dialogue:
        before = dialogue.expect(f"loading {MODEL} 100 %")
        shown = as_seen(before + f"loading {MODEL} 100 %" + dialogue.expect_prompt())
        assert shown.strip("\n") == f"{MODEL}. /help lists the commands; ctrl-d ends."


def test_waiting_for_a_servers_memory_is_shown_and_vanishes(own):
    put_model(own / "data/models/second.gguf")
    with Server(own, "--max-models", "1") as server:
        host = ["--host", f"127.0.0.1:{server.port}"]
        with Dialogue(own, *host, "--set", "temperature=0", MODEL) as first:
            first.begin_long_answer()
            with Dialogue(own, *host, *STEADY, "second", begins=False) as second:
                waiting = second.expect("waiting for memory for second")
                first.type("\x03")
                first.expect_prompt()
                shown = as_seen(waiting + "waiting for memory for second" + second.expect_prompt())
                assert shown.strip("\n") == "second. /help lists the commands; ctrl-d ends."


def test_a_model_that_was_freed_is_waited_for_in_sight(own, start):
    server = start("--load-silence", "0")
    with Dialogue(own, "--host", f"127.0.0.1:{server.port}", *STEADY, MODEL) as dialogue:
        assert server.request("POST", "/v1/models/unload", {"model": MODEL}).json["unloaded"]
        dialogue.type("Say hello.\r")
        dialogue.child.expect(NEWS)
        answer = as_seen("\r" + dialogue.child.after + dialogue.expect_prompt())
        assert answer.strip() and not NEWS.search(answer) and " %" not in answer
