// A small C interface to what llama.cpp offers to C++ alone: `common`'s chat templates and formats of answers, the memory of a context.
// Knows nothing of HTTP. No exception crosses it: a function that fails returns NULL (or false) and sets `*error`, which the caller frees
// with `cchat_string_free`, as it does with every string that it gets.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

struct llama_model;
struct llama_context;

/// The parsed chat templates of one model. Immutable once made: any thread may render with it.
typedef struct cchat_templates cchat_templates;

/// Parses the model's own templates, or `override_source` when it is not NULL.
/// `model` may be NULL when `override_source` is given; then it has no BOS and EOS.
cchat_templates *cchat_templates_create(const struct llama_model *model, const char *override_source, char **error);

void cchat_templates_free(cchat_templates *templates);

/// JSON: {"explicit": whether the model brought one (otherwise ChatML is used), "source", "tool_use_source", "thinking": bool,
/// "capabilities": {string: bool}}.
char *cchat_templates_describe(const cchat_templates *templates);

/// A conversation as a prompt, and how its answer will look. Immutable: any thread may read answers with it.
typedef struct cchat_prompt cchat_prompt;

/// Renders a conversation.
/// - request_json: {
///     "messages": OpenAI's, "tools": [function tools] or absent, "callable": [those that may be called] or absent for all of them,
///     "held_tools": [those, as the grammar shall have them] or absent for as they are,
///     "generic_calls": whether calls are written in Shimmy's form even if the template has one,
///     "tool_choice": "none" | "auto" | "required", "parallel_tool_calls": bool, "response_schema": JSON Schema or absent,
///     "held_schema": the same as the grammar shall have it,
///     "enable_thinking": bool, "template_arguments": {name: any}, "continue": "no" | "content" | "reasoning" | "nothing",
///     "merge_turns": whether results that become a user's turn are one with a user's turn beside them}
/// - error: the template's own words when it refuses the conversation.
cchat_prompt *cchat_render(const cchat_templates *templates, const char *request_json, char **error);

void cchat_prompt_free(cchat_prompt *prompt);

/// JSON: {"text", "generation_prompt": the end of the text, where the answer's format begins, "grammar": GBNF or "", "grammar_lazy",
/// "triggers": [{"word"} or {"opening": a regular expression, "after": text or "" for the answer's beginning}], "preserved_tokens": [string], "stops": [string],
/// "thinking_start", "thinking_ends": [string], "plain": whether all of the answer is content}.
char *cchat_prompt_describe(const cchat_prompt *prompt);

/// Reads an answer, or with `partial` as much of it as there is.
/// Returns JSON: {"content", "reasoning", "calls": [{"name", "arguments", "id"}]}.
char *cchat_parse(const cchat_prompt *prompt, const char *text, size_t length, bool partial, char **error);

void cchat_string_free(char *string);

/// Bytes that a context and its model take.
/// - weights: of the model's tensors as they lie in memory.
/// - cache: of sequences' keys, values and states.
/// - compute: of the buffers that a step is computed in.
void cchat_memory(const struct llama_context *context, size_t *weights, size_t *cache, size_t *compute);

/// From now on pieces of memory of a megabyte and more go back to the system when they are freed. Among smaller ones, what is left of a model's
/// buffers would be too scattered to be given back, tens of megabytes with every few models that come and go.
void cchat_keep_large_memory_apart(void);

/// Gives the system back what was freed: the C library keeps it for later, where it is scattered or not large.
void cchat_return_freed_memory(void);

/// Silences the log of the `common` library below errors; it has its own threads and writes to stderr.
void cchat_quiet(void);

#ifdef __cplusplus
}
#endif
