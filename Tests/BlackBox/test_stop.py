"""Stop strings are found across tokens and never leak, and text that only resembles one is not lost."""

import pytest

PROMPT = "Tell me a story about the sea."
LENGTH = 40


@pytest.fixture(scope="module")
def full_text(steady):
    text = steady.chat(PROMPT, max_tokens=LENGTH).text
    assert len(text) > 60
    return text


@pytest.mark.parametrize("start, length", [(0, 1), (0, 5), (3, 2), (7, 7), (11, 1), (13, 12), (20, 4), (25, 9), (31, 3), (40, 11), (50, 6), (55, 2)])
@pytest.mark.parametrize("stream", [False, True])
def test_stop_cuts_before_the_first_occurrence(steady, full_text, start, length, stream):
    stop = full_text[start : start + length]
    answer = steady.chat(PROMPT, max_tokens=LENGTH, stop=stop, stream=stream)
    text = answer.streamed_text if stream else answer.text
    assert text == full_text[: full_text.index(stop)]
    choice = answer.events[-2]["choices"][0] if stream else answer.json["choices"][0]
    assert choice["finish_reason"] == "stop"


def test_the_earliest_of_several_wins(steady, full_text):
    stops = [full_text[30:34], full_text[12:15], full_text[45:50], "never to be seen"]
    answer = steady.chat(PROMPT, max_tokens=LENGTH, stop=stops)
    ends = {stop: full_text.index(stop) + len(stop) for stop in stops[:3]}
    first = min(ends, key=ends.get)
    assert answer.text == full_text[: full_text.index(first)]


@pytest.mark.parametrize("stream", [False, True])
def test_text_that_only_looks_like_a_stop_is_kept(steady, full_text, stream):
    almost = [full_text[10:20] + "\x01", full_text[-3:] + " and more"]
    answer = steady.chat(PROMPT, max_tokens=LENGTH, stop=almost, stream=stream)
    assert (answer.streamed_text if stream else answer.text) == full_text


def test_tokens_after_a_stop_are_not_counted(steady, full_text):
    whole = steady.chat(PROMPT, max_tokens=LENGTH).json["usage"]["completion_tokens"]
    cut = steady.chat(PROMPT, max_tokens=LENGTH, stop=full_text[20:26]).json["usage"]["completion_tokens"]
    assert 0 < cut < whole


@pytest.mark.parametrize("stop", [None, "", [], ["", ""]])
def test_empty_stops_stop_nothing(steady, full_text, stop):
    assert steady.chat(PROMPT, max_tokens=LENGTH, stop=stop).text == full_text


def test_bad_stops_are_refused(steady):
    steady.chat(stop=["a", "b", "c", "d", "e"]).assert_error(400, "stop", "array_above_max_length")
    steady.chat(stop=5).assert_error(400, "stop", "invalid_type")
    steady.chat(stop=["a", 5]).assert_error(400, "stop[1]", "invalid_type")
