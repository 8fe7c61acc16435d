// Tools for templates that do not support them. The tools and the earlier calls are written into the conversation as text. A call is
//
//     <tool_call>
//     {"name": "...", "arguments": {...}}
//     </tool_call>
//
// and the user turn with its result contains the text between <tool_response> and </tool_response>.

#include "common/chat-peg-parser.h"
#include "common/json-schema-to-grammar.h"
#include "internal.h"

namespace {

const std::string CALL_START = "<tool_call>\n", CALL_END = "\n</tool_call>", CALL_TAG = "<tool_call>";

std::string description(const common_chat_templates_inputs &inputs) {
    std::string text = "You can call these functions, described as JSON, one in a line:\n<tools>\n";
    for (const common_json &tool : common_chat_tools_to_json_oaicompat(inputs.tools)) text += tool.dump() + "\n";
    return text + "</tools>";
}

std::string instructions(const common_chat_templates_inputs &inputs) {
    std::string text = description(inputs) + "\n\nTo call a function, answer with its name and its arguments as JSON between these tags";
    if (inputs.parallel_tool_calls) text += ", several times for several calls";
    text += ":\n" + CALL_START + "{\"name\": NAME, \"arguments\": {...}}" + CALL_END;
    text += "\n\nThe results then come between <tool_response> and </tool_response>.";
    if (!inputs.json_schema.empty()) text += "\nAn answer that is no call is JSON that fits this schema: " + inputs.json_schema;
    return text;
}

/// Returns an earlier call as text. Arguments that are not valid JSON are written as a JSON string.
std::string call_text(const common_chat_tool_call &call) {
    common_json arguments = common_json::parse_no_throw(call.arguments.empty() ? "{}" : call.arguments);
    const std::string written = arguments.is_discarded() ? common_json::make(call.arguments).dump() : arguments.dump();
    return CALL_START + "{\"name\": " + common_json::make(call.name).dump() + ", \"arguments\": " + written + "}" + CALL_END;
}

/// Appends a text to the system message, and adds the message if there is none.
void add_to_system(std::vector<common_chat_msg> &messages, const std::string &text) {
    const bool has_system = !messages.empty() && (messages.front().role == "system" || messages.front().role == "developer");
    if (has_system) {
        common_chat_msg &system = messages.front();
        system.content = system.render_content("\n") + "\n\n" + text;
        system.content_parts.clear();
    } else {
        common_chat_msg system;
        system.role = "system";
        system.content = text;
        messages.insert(messages.begin(), std::move(system));
    }
}

/// Returns the conversation as plain messages that any template supports.
std::vector<common_chat_msg> written_out(const common_chat_templates_inputs &inputs) {
    std::vector<common_chat_msg> messages;
    bool follows_result = false;
    for (const common_chat_msg &message : inputs.messages) {
        common_chat_msg copy = message;
        copy.tool_calls.clear();
        copy.tool_name.clear();
        copy.tool_call_id.clear();
        if (message.role == "tool") {
            copy.role = "user";
            copy.content = "<tool_response>\n" + message.render_content("\n") + "\n</tool_response>";
            copy.content_parts.clear();
            if (follows_result) {
                // Several results become one turn, because many templates require alternating roles.
                messages.back().content += "\n" + copy.content;
                continue;
            }
        } else if (!message.tool_calls.empty()) {
            copy.content = message.render_content("\n");
            copy.content_parts.clear();
            for (const common_chat_tool_call &call : message.tool_calls) copy.content += (copy.content.empty() ? "" : "\n") + call_text(call);
        }
        follows_result = message.role == "tool";
        messages.push_back(std::move(copy));
    }
    if (inputs.tools.empty() || inputs.tool_choice == COMMON_CHAT_TOOL_CHOICE_NONE) return messages;
    add_to_system(messages, instructions(inputs));
    return messages;
}

/// Returns the messages with adjacent user turns merged, including user turns that contain tool results.
std::vector<common_chat_msg> with_merged_turns(const std::vector<common_chat_msg> &messages) {
    std::vector<common_chat_msg> merged;
    for (const common_chat_msg &message : messages) {
        if (message.role != "user" || merged.empty() || merged.back().role != "user") {
            merged.push_back(message);
            continue;
        }
        common_chat_msg &last = merged.back();
        last.content = last.render_content("\n") + "\n\n" + message.render_content("\n");
        last.content_parts.clear();
    }
    return merged;
}

/// Returns the parser of one tool's call, without the tags.
common_peg_parser call_parser(common_chat_peg_builder &p, const common_json &tool) {
    const common_json &function = tool.at("function");
    const std::string name = function.at("name");
    auto arguments = p.tool_args(p.schema(p.json(), "tool-" + name + "-schema", common_chat_tool_parameters(function)));
    return p.rule(
        "tool-" + name,
        p.tool(
            p.tool_open(p.literal("{\"name\": \"") + p.tool_name(p.literal(name)) + p.literal("\", \"arguments\": ")) + arguments +
            p.tool_close(p.literal("}"))));
}

common_peg_arena answer_parser(
    const common_chat_templates_inputs &inputs, const common_chat_params &params, const common_json &callable) {
    return build_chat_peg_parser([&](common_chat_peg_builder &p) {
        auto reasoning = p.eps();
        if (params.supports_thinking && !params.thinking_end_tags.empty()) {
            const std::string &end = params.thinking_end_tags.front();
            auto thought = p.reasoning(p.until(end)) + p.literal(end) + p.space();
            reasoning = p.optional(params.thinking_start_tag.empty() ? thought : p.optspace(params.thinking_start_tag) + thought);
        }
        auto before = p.prefix(params.generation_prompt, params.thinking_start_tag);
        const bool may_call = !callable.empty() && inputs.tool_choice != COMMON_CHAT_TOOL_CHOICE_NONE;
        auto answer = inputs.json_schema.empty() ?
            p.content(p.rest()) :
            p.content(p.schema(p.json(), "response-format-schema", common_json::parse(inputs.json_schema)));
        if (!may_call) return before << reasoning + answer + p.end();

        auto tools = p.choice();
        for (const common_json &tool : callable) tools |= call_parser(p, tool);
        auto one = p.literal(CALL_START) + tools + p.literal(CALL_END);
        auto calls = p.trigger_rule("tool-call", inputs.parallel_tool_calls ? one + p.zero_or_more(p.literal("\n") + one) : one);
        if (inputs.tool_choice == COMMON_CHAT_TOOL_CHOICE_REQUIRED) return before << reasoning + calls + p.end();
        if (!inputs.json_schema.empty()) return before << reasoning + p.choice({calls, answer}) + p.end();
        return before << reasoning + p.optional(p.content(p.until(CALL_TAG))) + p.optional(calls) + p.end();
    });
}

}  // namespace

common_chat_templates_inputs with_described_tools(const common_chat_templates_inputs &inputs) {
    common_chat_templates_inputs described = inputs;
    add_to_system(described.messages, description(inputs));
    return described;
}

common_chat_params render_generic(
    const cchat_templates *templates, const common_chat_templates_inputs &inputs, const common_json &callable, bool merges) {
    common_chat_templates_inputs plain = inputs;
    plain.messages = written_out(inputs);
    if (merges) plain.messages = with_merged_turns(plain.messages);
    plain.tools.clear();
    plain.tool_choice = COMMON_CHAT_TOOL_CHOICE_NONE;
    plain.json_schema.clear();
    common_chat_params params = common_chat_templates_apply(templates->parsed.get(), plain);
    set_generic_answer(params, inputs, callable);
    return params;
}

void set_generic_answer(common_chat_params &params, const common_chat_templates_inputs &inputs, const common_json &callable) {
    const common_peg_arena parser = answer_parser(inputs, params, callable);
    params.parser = parser.save();
    params.format = COMMON_CHAT_FORMAT_PEG_NATIVE;
    const bool may_call = !callable.empty() && inputs.tool_choice != COMMON_CHAT_TOOL_CHOICE_NONE;
    if (!may_call && inputs.json_schema.empty()) return;
    params.grammar_lazy = may_call && inputs.tool_choice == COMMON_CHAT_TOOL_CHOICE_AUTO && inputs.json_schema.empty();
    params.grammar = build_grammar([&](const common_grammar_builder &builder) { parser.build_grammar(builder, params.grammar_lazy); });
    if (params.grammar_lazy) params.grammar_triggers = {{COMMON_GRAMMAR_TRIGGER_TYPE_WORD, CALL_TAG}};
}
