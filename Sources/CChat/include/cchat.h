// A small C interface to the parts of llama.cpp that have only a C++ API: the chat templates and answer formats of `common`, and the memory use of a
// context; and to its tokenizer, which can throw. Does not depend on HTTP. No exception crosses the interface: a function that fails returns NULL (or
// what its comment says) and sets `*error`, if it has that parameter. The caller frees `*error`, and every other string that it receives, with
// `cchat_string_free`.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

struct llama_model;
struct llama_context;
struct llama_vocab;

/// The parsed chat templates of one model. Immutable; any thread may render with them.
typedef struct cchat_templates cchat_templates;

/// Parses the model's own templates, or `override_source` if it is not NULL. `model` may be NULL if `override_source` is given; the template then has
/// no BOS and EOS.
cchat_templates *cchat_templates_create(const struct llama_model *model, const char *override_source, char **error);

void cchat_templates_free(cchat_templates *templates);

/// Returns JSON: {"source": the text of the template, that of ChatML if the model has none, "tool_use_source", "thinking": bool,
/// "capabilities": {string: bool}}.
char *cchat_templates_describe(const cchat_templates *templates);

/// A rendered conversation and the format of its answer. Immutable; any thread may parse answers with it.
typedef struct cchat_prompt cchat_prompt;

/// Renders a conversation.
/// - request_json: {
///     "messages": OpenAI's messages,
///     "tools": [function tools] or absent,
///     "callable": [the tools that the model may call] or absent for all of them,
///     "held_tools": [the callable tools, with the schemas for the grammar] or absent for unchanged schemas,
///     "generic_calls": whether to write calls in Shimmy's format even if the template has its own,
///     "tool_choice": "none" | "auto" | "required", "parallel_tool_calls": bool, "response_schema": JSON Schema or absent,
///     "held_schema": the response schema for the grammar, or absent,
///     "enable_thinking": bool, "template_arguments": {name: any}, "continue": "no" | "content" | "reasoning" | "nothing",
///     "merge_turns": whether to merge tool results that become user turns with adjacent user turns}
/// - error: the template's own message if it refuses the conversation.
cchat_prompt *cchat_render(const cchat_templates *templates, const char *request_json, char **error);

void cchat_prompt_free(cchat_prompt *prompt);

/// Returns JSON: {"text", "generation_prompt": the end of the text, at which the answer's format begins, "grammars": [{"text": GBNF,
/// "rules": {name: body of the rule (GBNF) in place of that in the text} or absent}], of which the answer fits one, or empty, "grammar_lazy",
/// "triggers": [{"word"} or {"opening": a regular expression, "after": text or "" for the start of the answer}], "preserved_tokens": [string],
/// "stops": [string], "thinking_start", "thinking_ends": [string], "plain": whether the answer is content without a format}.
char *cchat_prompt_describe(const cchat_prompt *prompt);

/// Parses an answer. With `partial`, `text` may be only the start of one.
/// Returns JSON: {"content", "reasoning", "calls": [{"name", "arguments", "id"}]}.
char *cchat_parse(const cchat_prompt *prompt, const char *text, size_t length, bool partial, char **error);

void cchat_string_free(char *string);

/// Splits a text into tokens, as `llama_tokenize` does.
/// - tokens: receives the tokens if there are at most `capacity`.
/// - adds_special: whether to add the tokens that the model expects at the start and the end of a text.
/// - parses_special: whether to read control tokens from the text.
/// Returns the number of tokens, also if it exceeds `capacity`; -1 if llama.cpp fails.
int64_t cchat_tokenize(
    const struct llama_vocab *vocabulary, const char *text, int32_t length, int32_t *tokens, int32_t capacity, bool adds_special,
    bool parses_special);

/// Writes the order in which llama.cpp searches a text for the special tokens of a vocabulary: from the longest to the shortest.
/// - lengths: the number of bytes of each special token, in the order of their ids.
/// - order: receives `count` indices of `lengths`.
void cchat_search_order(const size_t *lengths, int32_t count, int32_t *order);

/// Reports the memory use of a context and its model, in bytes.
/// - weights: the model's tensors in memory.
/// - cache: the keys, values and states of sequences.
/// - compute: the buffers for computing a step.
void cchat_memory(const struct llama_context *context, size_t *weights, size_t *cache, size_t *compute);

/// The bytes that a model and its context take on a device. The name is valid until the process ends.
typedef struct {
    const char *name;
    size_t bytes;
} cchat_device_bytes;

/// Writes the memory use of a context and its model by device, for at most `capacity` devices. The memory of the host is that of the device CPU.
/// Returns the number of devices.
int32_t cchat_device_memory(const struct llama_context *context, cchat_device_bytes *devices, int32_t capacity);

/// From now on, blocks of memory of 1 MiB or more return to the system when they are freed. Without this, the freed buffers of a model are scattered
/// among smaller blocks and cannot be returned: tens of megabytes for every few models that are loaded and freed.
void cchat_keep_large_memory_apart(void);

/// Returns freed memory to the system. The C library keeps scattered or small freed blocks for later otherwise.
void cchat_return_freed_memory(void);

/// Silences the log of the `common` library. That log has its own threads, writes to stderr and quotes templates, which clients can send.
void cchat_quiet(void);

#ifdef __cplusplus
}
#endif
