// The declarations shared by the files of this target.
#pragma once

#include <cstdlib>
#include <cstring>
#include <exception>
#include <map>
#include <string>
#include <vector>

#include "cchat.h"
#include "common/chat.h"

struct cchat_templates {
    common_chat_templates_ptr parsed;
    bool add_bos;
    bool add_eos;
};

/// The bodies of rules (GBNF) in place of a grammar's own, by name. They do not apply to rules that the grammar lacks.
using RuleBodies = std::map<std::string, std::string>;

/// The grammar and the answer parser of one conversation.
struct AnswerFormat {
    common_chat_params params;
    /// The changes of the rules in `params.grammar`.
    RuleBodies rules;
    /// The grammar of an answer that matches a schema, while `params.grammar` is that of calls. Empty unless the answer may be either.
    std::string other_grammar;
    common_chat_parser_params parser;
    /// The parser of an answer that matches a schema, while `parser` reads calls. Empty unless the answer may be either.
    common_chat_parser_params other;
    bool has_other = false;
};

struct cchat_prompt {
    AnswerFormat format;
};

/// Calls `body`. If it throws, sets `*error` to the message and returns a default value.
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

/// Renders `inputs` with Shimmy's own call format, for templates without one: tools and calls become text.
/// - merges: whether to merge adjacent user turns, including tool results.
common_chat_params render_generic(
    const cchat_templates *templates, const common_chat_templates_inputs &inputs, const common_json &callable, bool merges);

/// Returns `inputs` with the tools described in the system message, for templates that support calls but do not describe tools.
common_chat_templates_inputs with_described_tools(const common_chat_templates_inputs &inputs);

/// Sets the generic parser and grammar of the answer: reasoning, then calls, or content that matches the schema if there is one.
void set_generic_answer(common_chat_params &params, const common_chat_templates_inputs &inputs, const common_json &callable);

/// The prefix of a trigger of Shimmy's own: a regular expression that matches at the start of the answer.
extern const std::string OPENING;

/// Returns the trigger of a grammar in the form of `cchat_prompt_describe`.
std::vector<common_json> described_trigger(const common_grammar_trigger &trigger);

/// Returns the changes that exclude text before and between required calls; reasoning remains. llama.cpp's own grammars allow text of any length.
/// - parser: the parser of the grammar's format.
RuleBodies calls_only_rules(const common_peg_arena &parser);

/// Returns the changes that make the first rule of the calls the root of a grammar of required calls.
RuleBodies trigger_rules(const common_peg_arena &parser);

/// The maximum nesting depth of brackets in the text for an answer's parser.
constexpr size_t MAX_NESTING = 256;

/// Returns the index of the first bracket nested deeper than `MAX_NESTING`, or npos. Counts all brackets, including those in strings and in plain
/// text.
size_t nesting_limit(const std::string &text);

/// Returns the end of the JSON value at the start of `text`, at or after `start`; the end of the text if the value is incomplete.
size_t end_of_json(const std::string &text, size_t start);
