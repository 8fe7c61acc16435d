"""The one list of what differs when an engine is behind Shimmy: tests that fail, and why."""

from dataclasses import dataclass

SHIMMY, LLAMA_SERVER, LLAMA_CPP_PYTHON, VLLM = "shimmy", "llama-server", "llama-cpp-python", "vllm"
EVERY = (SHIMMY, LLAMA_SERVER, LLAMA_CPP_PYTHON, VLLM)
OTHERS = EVERY[1:]


@dataclass(frozen=True)
class Difference:
    """Tests that fail with some engines. If they sometimes pass, `always` is false."""

    reason: str
    engines: tuple
    tests: tuple
    always: bool = True
    # Whether the tests run at all; not if they would only take long.
    runs: bool = True


DIFFERENCES = (
    Difference(
        "the test is about models on the disk or about this server's own engine",
        EVERY,
        (
            "test_embeddings.py::test_models_do_what_they_were_made_for", "test_embeddings.py::test_chat_and_embeddings_at_the_same_time",
            "test_embeddings.py::test_a_folder_is_converted_once", "test_embeddings.py::test_a_damaged_folder_is_listed_with_its_reason",
            "test_structured.py::test_forced_text_is_counted_and_comes_at_once",
            "test_streaming.py::test_the_status_comes_before_the_prompt_is_computed",
            "test_response_state.py::test_thousands_of_items_are_truncated_in_little_time", "test_responses.py::test_what_does_not_fit",
            "test_dialects.py::test_reasoning_is_alike", "test_dialects.py::test_32_clients_in_four_dialects_get_the_answers_of_an_idle_server",
        ),
        runs=False,
    ),
    Difference(
        "the template of the prompt stays at the upstream, so none of this server makes the model reason",
        EVERY,
        (
            "test_anthropic.py::test_thinking_comes_back", "test_anthropic.py::test_omitted_thinking_comes_back",
            "test_anthropic.py::test_disabled_thinking",
        ),
        runs=False,
    ),
    Difference(
        "the engine checks schemas and grammars by its own rules and does not name the field",
        OTHERS,
        (
            "test_structured.py::test_strict_schemas_keep_the_rules", "test_structured.py::test_response_formats",
            "test_structured.py::test_grammars_and_choices", "test_tools.py::test_bad_tools_and_choices",
        ),
    ),
    Difference(
        "the engine writes JSON with white space of its own",
        (LLAMA_SERVER, VLLM),
        ("test_structured.py::test_stops_end_a_record", "test_structured.py::test_log_probabilities_of_forced_tokens"),
        always=False,
    ),
    Difference(
        "parameters that a dialect does not set have the engine's defaults, and Ollama's API has other defaults than OpenAI's",
        (LLAMA_SERVER, LLAMA_CPP_PYTHON),
        ("test_dialects.py::test_texts_are_alike",),
    ),
    Difference(
        "the template of the default model has no tools: the engine shows none to the model, and lets text come before a required call",
        (LLAMA_SERVER,),
        (
            "test_tools.py::test_a_call_has_exactly_the_documented_shape", "test_tools.py::test_arguments_fit_the_schema",
            "test_structured.py::test_a_named_tool_is_called_once", "test_dialects.py::test_calls_are_alike",
        ),
    ),
    Difference(
        "the engine enforces the schemas of tools only if they are strict",
        (VLLM,),
        (
            "test_tools.py::test_arguments_fit_the_schema", "test_tools.py::test_a_call_has_no_invented_keys",
            "test_tools.py::test_deprecated_functions",
        ),
        always=False,
    ),
    Difference(
        "the engine knows no tools with a grammar; it sees them as functions, and nothing enforces the grammar",
        (LLAMA_SERVER, LLAMA_CPP_PYTHON, VLLM),
        ("test_tools.py::test_custom_tools", "test_tools.py::test_custom_tools_with_a_grammar_of_lark"),
    ),
    Difference(
        "the engine names its calls with other prefixes than OpenAI's", (VLLM,), ("test_tools.py::test_a_call_has_exactly_the_documented_shape",)
    ),
    Difference(
        "the engine's streams have no token counts; Shimmy estimates them",
        (LLAMA_CPP_PYTHON,),
        ("test_engine.py::test_usage_is_the_engines", "test_engine.py::test_every_dialect_says_what_the_engine_says"),
    ),
    Difference(
        "the engine's API does not tokenize",
        (LLAMA_CPP_PYTHON,),
        ("test_engine.py::test_tokens_of_a_text", "test_engine.py::test_tokens_of_a_conversation"),
    ),
    Difference(
        "the engine does not say how long its context is", (LLAMA_CPP_PYTHON,), ("test_engine.py::test_the_model_is_listed_with_its_context",)
    ),
    Difference(
        "the engine words the error for a prompt that is too long in its own way",
        OTHERS,
        (
            "test_engine.py::test_a_prompt_that_is_too_long", "test_streaming.py::test_an_error_before_the_stream_has_a_status",
        ),
    ),
    Difference(
        "the engine takes seeds whose low 32 bits are all set for the request to choose one",
        (LLAMA_SERVER,),
        ("test_chat.py::test_same_seed_same_text[-1]", "test_chat.py::test_same_seed_same_text[9223372036854775807]"),
    ),
    Difference(
        "the engine counts a prompt only at the end of a stream",
        (LLAMA_SERVER,),
        ("test_anthropic.py::test_the_events_of_a_stream",),
    ),
    Difference(
        "the engine does not say which stop string ended the answer",
        (LLAMA_SERVER, LLAMA_CPP_PYTHON),
        ("test_anthropic.py::test_stop_sequences",),
    ),
    Difference(
        "the template of the default model has no tools, so the engine neither shows them to the model nor enforces a call",
        (LLAMA_SERVER,),
        ("test_anthropic.py::test_a_tool_is_called_and_its_result_comes_back", "test_anthropic.py::test_every_choice_of_tools"),
    ),
    Difference(
        "only the engine knows what its template and its model honour",
        OTHERS,
        ("test_chat.py::test_names_that_a_template_leaves_out", "test_anthropic.py::test_claude_code_keeps_its_cache"),
    ),
    Difference(
        "the engine generates at least one token",
        (LLAMA_SERVER,),
        ("test_completions.py::test_limits_and_stops",),
    ),
)
