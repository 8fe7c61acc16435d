// A small C interface to llama.cpp's `common` library: chat templates today, parsers and grammars later.
// Knows nothing of HTTP and keeps no state but the parsed templates. No exception crosses it.
#pragma once

#include <stdbool.h>

#ifdef __cplusplus
extern "C" {
#endif

struct llama_model;

/// The parsed chat templates of one model. Immutable once made: any thread may render with it.
typedef struct cchat_templates cchat_templates;

/// Parses the model's own templates, or `override_source` when it is not NULL.
/// `model` may be NULL when `override_source` is given. Returns NULL and sets `*error` (free it with `cchat_string_free`) when it does not parse.
cchat_templates *cchat_templates_create(const struct llama_model *model, const char *override_source, char **error);

void cchat_templates_free(cchat_templates *templates);

/// Whether the model brought a template of its own (otherwise ChatML is used).
bool cchat_templates_explicit(const cchat_templates *templates);

/// Renders a conversation.
/// - request_json: `{"messages": [...OpenAI's chat messages...], "add_generation_prompt": true}`
/// - returns JSON `{"prompt": string, "additional_stops": [string]}`, or NULL with `*error` set to the template's own words.
/// Both results belong to the caller, who frees them with `cchat_string_free`.
char *cchat_render(const cchat_templates *templates, const char *request_json, char **error);

void cchat_string_free(char *string);

/// Silences the log of the `common` library below errors; it has its own threads and writes to stderr.
void cchat_quiet(void);

#ifdef __cplusplus
}
#endif
