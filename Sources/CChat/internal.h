// What the files of this target share.
#pragma once

#include <cstdlib>
#include <cstring>
#include <exception>
#include <string>
#include <vector>

#include "cchat.h"
#include "common/chat.h"

struct cchat_templates {
    common_chat_templates_ptr parsed;
    bool add_bos;
    bool add_eos;
};

/// A grammar and a parser of answers for one conversation.
struct AnswerFormat {
    common_chat_params params;
    common_chat_parser_params parser;
    /// Fits the answer that a schema asks for where `parser` reads calls; empty unless the answer may be either.
    common_chat_parser_params other;
    bool has_other = false;
};

struct cchat_prompt {
    AnswerFormat format;
};

/// Calls `body`; what it throws becomes `*error`, and the result what a default value is.
template <typename Body>
auto guarded(char **error, Body body) -> decltype(body()) {
    std::string message;
    try {
        return body();
    } catch (const std::exception &exception) {
        message = exception.what();
    } catch (...) {
        message = "unknown failure";
    }
    if (error != nullptr) *error = strdup(message.c_str());
    return {};
}

/// The form of calls for templates that know none: `inputs` with its tools and calls written as text, rendered.
/// - merges: whether neighbouring user's turns become one, results among them.
common_chat_params render_generic(
    const cchat_templates *templates, const common_chat_templates_inputs &inputs, const common_json &callable, bool merges);

/// `inputs` with the tools described in the system message, for templates that know calls but do not describe tools.
common_chat_templates_inputs with_described_tools(const common_chat_templates_inputs &inputs);

/// Makes the answer one that the generic parser reads: a thought, then content that fits the schema if there is one, or calls.
void set_generic_answer(common_chat_params &params, const common_chat_templates_inputs &inputs, const common_json &callable);

/// Begins a trigger of Shimmy's own: a regular expression that the answer begins with.
extern const std::string OPENING;

/// What a grammar waits for, as `cchat_prompt_describe` says it.
std::vector<common_json> described_trigger(const common_grammar_trigger &trigger);

/// `grammar` without the fences and spaces that llama.cpp lets stand around an answer that fits a schema.
std::string with_bare_answer(std::string grammar);

/// `grammar` with all its rules' names behind `prefix`.
std::string with_prefixed_rules(const std::string &grammar, const std::string &prefix);

/// Brackets within each other that an answer's parser may see.
constexpr size_t MAX_NESTING = 256;

/// The place of the first bracket beyond `MAX_NESTING`, or npos. Counts all brackets, those in strings and in plain text included.
size_t nesting_limit(const std::string &text);

/// The end of the JSON value that `text` begins with, as long as that is not before `start`; the end of the text where the value goes on.
size_t end_of_json(const std::string &text, size_t start);
