// Renders a conversation to a prompt, and creates the grammar and the parser of its answer.

#include <algorithm>

#include "common/json-schema-to-grammar.h"
#include "internal.h"

namespace {

bool is_set(const common_json &request, const char *key) { return request.contains(key) && !request.at(key).is_null(); }

bool has_calls(const std::vector<common_chat_msg> &messages) {
    return std::any_of(messages.begin(), messages.end(), [](const common_chat_msg &message) {
        return !message.tool_calls.empty() || message.role == "tool";
    });
}

/// Returns whether this is a Mistral template without [THINK]. llama.cpp would pass reasoning to it as parts of the content, and the template would
/// then write no content at all.
bool loses_content_with_thoughts(const std::string &source) {
    return source.find("[SYSTEM_PROMPT]") != std::string::npos && source.find("[THINK]") == std::string::npos;
}

common_chat_templates_inputs read_inputs(const cchat_templates *templates, const common_json &request) {
    common_chat_templates_inputs inputs;
    inputs.messages = common_chat_msgs_parse_oaicompat(request.at("messages"));
    if (loses_content_with_thoughts(common_chat_templates_source(templates->parsed.get()))) {
        for (common_chat_msg &message : inputs.messages) message.reasoning_content.clear();
    }
    if (is_set(request, "tools")) inputs.tools = common_chat_tools_parse_oaicompat(request.at("tools"));
    inputs.tool_choice = common_chat_tool_choice_parse_oaicompat(request.value("tool_choice", std::string("none")));
    inputs.parallel_tool_calls = request.value("parallel_tool_calls", true);
    if (is_set(request, "response_schema")) inputs.json_schema = request.at("response_schema").dump();
    inputs.enable_thinking = request.value("enable_thinking", true);
    inputs.reasoning_format = COMMON_REASONING_FORMAT_DEEPSEEK;
    if (is_set(request, "template_arguments")) {
        for (const auto &[name, value] : request.at("template_arguments").items()) inputs.chat_template_kwargs[name] = value.dump();
    }
    const std::string continuation = request.value("continue", std::string("no"));
    inputs.add_generation_prompt = continuation == "no";
    if (continuation == "content" || continuation == "reasoning") {
        inputs.continue_final_message = continuation == "reasoning" ? COMMON_CHAT_CONTINUATION_REASONING : COMMON_CHAT_CONTINUATION_CONTENT;
    }
    inputs.add_bos = templates->add_bos;
    inputs.add_eos = templates->add_eos;
    return inputs;
}

/// Applies llama.cpp's template. Some of its formats ignore the answer's schema, so this function adds it to them.
common_chat_params apply(const cchat_templates *templates, const common_chat_templates_inputs &inputs) {
    common_chat_params params = common_chat_templates_apply(templates->parsed.get(), inputs);
    if (inputs.json_schema.empty() || !params.grammar.empty()) return params;
    common_chat_templates_inputs plain = inputs;
    plain.json_schema.clear();
    params = common_chat_templates_apply(templates->parsed.get(), plain);
    set_generic_answer(params, inputs, common_json::array());
    return params;
}

common_chat_parser_params parser_of(const common_chat_params &params) {
    common_chat_parser_params parser(params);
    parser.reasoning_format = COMMON_REASONING_FORMAT_DEEPSEEK;
    if (!params.parser.empty()) parser.parser.load(params.parser);
    return parser;
}

/// Allows a call or an answer that matches the schema. Each of them has a grammar of its own.
void add_schema(AnswerFormat &format, const common_chat_params &calls, const RuleBodies &rules, const common_chat_params &answer) {
    format.params.grammar = calls.grammar;
    format.rules = rules;
    format.other_grammar = answer.grammar;
    format.params.grammar_lazy = false;
    format.params.grammar_triggers.clear();
    format.params.preserved_tokens.insert(
        format.params.preserved_tokens.end(), answer.preserved_tokens.begin(), answer.preserved_tokens.end());
    format.parser = parser_of(calls);
    format.other = parser_of(answer);
    format.has_other = true;
}

/// Makes the start of a call to a known tool the grammar's trigger, for formats whose calls are bare JSON without a marker.
/// - required: the same format for required calls.
void await_bare_calls(AnswerFormat &format, const common_chat_params &required, const std::vector<common_chat_tool> &callable) {
    std::string names;
    for (const common_chat_tool &tool : callable) names += (names.empty() ? "" : "|") + tool.name;
    format.params.grammar = required.grammar;
    format.rules = trigger_rules(parser_of(required).parser);
    format.params.grammar_lazy = true;
    format.params.grammar_triggers = {{COMMON_GRAMMAR_TRIGGER_TYPE_PATTERN, OPENING + "\\s*\\{\\s*\"name\"\\s*:\\s*\"(?:" + names + ")\""}};
}

/// The parts of a format that its caller needs.
enum class Use {
    /// The prompt and the parser, which are made with the client's own schemas.
    ANSWER,
    /// The grammar, which is made with placeholders in place of the schemas.
    GRAMMAR,
};

/// Returns the changes that exclude text before the calls, except the text that a client began and the answer continues.
/// - params: the format for required calls.
RuleBodies required_rules(const common_chat_params &params, const common_chat_templates_inputs &inputs, Use use) {
    if (use == Use::ANSWER || inputs.continue_final_message == COMMON_CHAT_CONTINUATION_CONTENT || params.parser.empty()) return {};
    return calls_only_rules(parser_of(params).parser);
}

/// Renders the conversation in the template's own format of calls.
/// - callable: the tools that the model may call; NULL for all tools of the prompt.
AnswerFormat render_native(
    const cchat_templates *templates, const common_chat_templates_inputs &inputs, const std::vector<common_chat_tool> *callable, Use use) {
    AnswerFormat format;
    const bool may_call = !inputs.tools.empty() && inputs.tool_choice != COMMON_CHAT_TOOL_CHOICE_NONE;
    common_chat_templates_inputs plain = inputs;
    // With tools, llama.cpp's formats do not support a schema for the answer.
    if (may_call) plain.json_schema.clear();
    format.params = apply(templates, plain);

    common_chat_templates_inputs narrow = plain;
    if (may_call && callable != nullptr) {
        narrow.tools = *callable;
        // The prompt contains all tools so that it can be cached. The grammar contains only those that the model may call.
        const std::string prompt = format.params.prompt;
        format.params = apply(templates, narrow);
        format.params.prompt = prompt;
    }
    if (!may_call || inputs.tool_choice != COMMON_CHAT_TOOL_CHOICE_AUTO) {
        format.parser = parser_of(format.params);
        if (may_call) format.rules = required_rules(format.params, inputs, use);
        return format;
    }
    if (!format.params.grammar.empty() && inputs.json_schema.empty()) {
        format.parser = parser_of(format.params);
        return format;
    }
    narrow.tool_choice = COMMON_CHAT_TOOL_CHOICE_REQUIRED;
    common_chat_params required = apply(templates, narrow);
    if (format.params.grammar.empty() && !required.grammar.empty()) await_bare_calls(format, required, narrow.tools);
    format.parser = parser_of(format.params);
    if (!inputs.json_schema.empty() && !format.params.grammar.empty()) {
        common_chat_templates_inputs answer = inputs;
        answer.tools.clear();
        add_schema(format, required, required_rules(required, inputs, use), apply(templates, answer));
    }
    return format;
}

/// Returns whether the answer consists of content alone, so that it needs no parser.
bool is_plain(const AnswerFormat &format) { return !format.has_other && format.params.grammar.empty() && format.parser.parser.empty(); }

/// Renders the conversation in the template's own format of calls, or in Shimmy's.
/// - callable: the tools that the model may call.
/// - narrows: whether `callable` differs from the tools of the prompt.
/// - must_be_generic: whether to write calls in Shimmy's format even if the template has its own.
/// - merges: see `render_generic`.
AnswerFormat make_format(
    const cchat_templates *templates, const common_chat_templates_inputs &inputs, const common_json &callable, bool narrows, bool must_be_generic,
    bool merges, Use use) {
    const std::vector<common_chat_tool> callable_tools = common_chat_tools_parse_oaicompat(callable);
    const bool may_call = !inputs.tools.empty() && inputs.tool_choice != COMMON_CHAT_TOOL_CHOICE_NONE;
    const bool speaks_of_tools = !inputs.tools.empty() || has_calls(inputs.messages);
    auto capabilities = common_chat_templates_get_caps(templates->parsed.get());
    // A template that writes calls has a format for them, even if it does not describe the tools.
    bool generic = speaks_of_tools && (!capabilities["supports_tool_calls"] || must_be_generic);
    AnswerFormat format;
    if (!generic) {
        const bool described = !may_call || capabilities["supports_tools"];
        format = render_native(templates, described ? inputs : with_described_tools(inputs), narrows ? &callable_tools : nullptr, use);
        generic = may_call && format.params.grammar.empty();
    }
    if (generic) {
        format = AnswerFormat{};
        format.params = render_generic(templates, inputs, callable, merges);
        format.parser = parser_of(format.params);
    }
    return format;
}

/// Returns the grammars of the answer in the form of `cchat_prompt_describe`.
common_json described_grammars(const AnswerFormat &format) {
    common_json grammars = common_json::array();
    if (format.params.grammar.empty()) return grammars;
    common_json first = common_json::object();
    first["text"] = format.params.grammar;
    first["rules"] = common_json::object();
    for (const auto &[name, body] : format.rules) first["rules"][name] = body;
    grammars.push_back(std::move(first));
    if (format.other_grammar.empty()) return grammars;
    common_json other = common_json::object();
    other["text"] = format.other_grammar;
    grammars.push_back(std::move(other));
    return grammars;
}

/// Returns whether a held tool has a placeholder for its complete arguments beside those of its properties.
bool has_whole(const common_json &tool) {
    const common_json &parameters = tool.at("function").at("parameters");
    return parameters.contains("const") && parameters.contains("properties") && !parameters.at("properties").empty();
}

/// Returns whether the grammar has the placeholders of the complete arguments of all held tools.
bool holds_wholes(const std::string &grammar, const common_json &tools) {
    return std::all_of(tools.begin(), tools.end(), [&](const common_json &tool) {
        return !has_whole(tool) || grammar.find(tool.at("function").at("parameters").at("const").dump()) != std::string::npos;
    });
}

/// Returns the held tools with the placeholders of their properties alone. llama.cpp finds no properties in a constant, so that a format that writes
/// each argument separately would write none.
common_json without_wholes(common_json tools) {
    for (common_json &tool : tools) {
        if (has_whole(tool)) tool["function"]["parameters"].erase("const");
    }
    return tools;
}

}  // namespace

cchat_prompt *cchat_render(const cchat_templates *templates, const char *request_json, char **error) {
    return guarded(error, [&]() -> cchat_prompt * {
        const common_json request = common_json::parse(request_json);
        common_chat_templates_inputs inputs = read_inputs(templates, request);
        const bool narrows = is_set(request, "callable");
        const common_json callable = narrows ? request.at("callable") : is_set(request, "tools") ? request.at("tools") : common_json::array();
        const bool generic = request.value("generic_calls", false);
        const bool merges = request.value("merge_turns", false);
        AnswerFormat format = make_format(templates, inputs, callable, narrows, generic, merges, Use::ANSWER);
        if (is_set(request, "held_tools") || is_set(request, "held_schema")) {
            // Make the format again with the held schemas, for its grammar only.
            if (is_set(request, "held_schema")) inputs.json_schema = request.at("held_schema").dump();
            const bool has_tools = is_set(request, "held_tools");
            const common_json &held_tools = has_tools ? request.at("held_tools") : callable;
            AnswerFormat held = make_format(templates, inputs, held_tools, has_tools, generic, merges, Use::GRAMMAR);
            if (has_tools && !holds_wholes(held.params.grammar, held_tools)) {
                held = make_format(templates, inputs, without_wholes(held_tools), has_tools, generic, merges, Use::GRAMMAR);
            }
            format.params.grammar = std::move(held.params.grammar);
            format.rules = std::move(held.rules);
            format.other_grammar = std::move(held.other_grammar);
        }
        return new cchat_prompt{std::move(format)};
    });
}

void cchat_prompt_free(cchat_prompt *prompt) { delete prompt; }

char *cchat_prompt_describe(const cchat_prompt *prompt) {
    return guarded(nullptr, [&]() -> char * {
        const common_chat_params &params = prompt->format.params;
        common_json result = common_json::object();
        result["text"] = params.prompt;
        result["generation_prompt"] = params.generation_prompt;
        result["grammars"] = described_grammars(prompt->format);
        result["grammar_lazy"] = params.grammar_lazy;
        common_json triggers = common_json::array();
        for (const common_grammar_trigger &trigger : params.grammar_triggers) {
            for (common_json &entry : described_trigger(trigger)) triggers.push_back(std::move(entry));
        }
        result["triggers"] = std::move(triggers);
        result["preserved_tokens"] = params.preserved_tokens;
        result["stops"] = params.additional_stops;
        result["thinking_start"] = params.supports_thinking ? params.thinking_start_tag : "";
        result["thinking_ends"] = params.supports_thinking ? params.thinking_end_tags : std::vector<std::string>();
        result["plain"] = is_plain(prompt->format);
        return strdup(result.dump().c_str());
    });
}

