// Parses the text of an answer into content, reasoning and calls.

#include <memory>
#include <stdexcept>

#include "common/chat-peg-parser.h"
#include "internal.h"

namespace {

std::unique_ptr<common_chat_peg_mapper> mapper(common_chat_format format, common_chat_msg &message) {
    switch (format) {
        case COMMON_CHAT_FORMAT_PEG_GEMMA4: return std::make_unique<common_chat_peg_gemma4_mapper>(message);
        case COMMON_CHAT_FORMAT_PEG_MINIMAX_M3: return std::make_unique<common_chat_peg_minimax_m3_mapper>(message);
        default: return std::make_unique<common_chat_peg_mapper>(message);
    }
}

/// Adds text that is nested too deeply for the parser: to the arguments of the current call, up to their end, or else to the content.
void add_unread(common_chat_msg &message, const std::string &rest) {
    if (message.tool_calls.empty()) {
        message.content += rest;
        return;
    }
    std::string &arguments = message.tool_calls.back().arguments;
    const size_t read = arguments.size();
    arguments += rest;
    arguments.resize(end_of_json(arguments, read));
}

/// Reads the message as far as it is complete. Returns false if the text does not have the parser's format and cannot get it by continuing.
/// llama.cpp's own function would return a part of the text instead.
bool read(const common_chat_parser_params &params, const std::string &text, common_chat_msg &message) {
    message.role = "assistant";
    if (params.parser.empty()) {
        message.content = text;
        return true;
    }
    const std::string whole = params.generation_prompt + text;
    const size_t limit = nesting_limit(whole);
    if (limit < params.generation_prompt.size()) return false;
    common_peg_parse_context context(whole.substr(0, limit), COMMON_PEG_PARSE_FLAG_LENIENT);
    const common_peg_parse_result result = params.parser.parse(context);
    if (result.fail()) return false;
    mapper(params.format, message)->from_ast(context.ast, result);
    if (limit != std::string::npos) add_unread(message, whole.substr(limit));
    return true;
}

common_json describe(const common_chat_msg &message) {
    common_json result = common_json::object();
    result["content"] = message.render_content();
    result["reasoning"] = message.reasoning_content;
    common_json calls = common_json::array();
    for (const common_chat_tool_call &call : message.tool_calls) {
        common_json entry = common_json::object();
        entry["name"] = call.name;
        entry["arguments"] = call.arguments;
        entry["id"] = call.id;
        calls.push_back(std::move(entry));
    }
    result["calls"] = std::move(calls);
    return result;
}

}  // namespace

char *cchat_parse(const cchat_prompt *prompt, const char *text, size_t length, bool partial, char **error) {
    return guarded(error, [&]() -> char * {
        const AnswerFormat &format = prompt->format;
        const std::string input(text, length);
        common_chat_msg message, other;
        const bool fits = read(format.parser, input, message);
        const bool fits_other = format.has_other && read(format.other, input, other);
        if (!fits && !fits_other) throw std::runtime_error("the answer does not have the model's format");
        if (!fits) message = other;
        // Text that can still become a call is not content yet.
        if (fits && fits_other && partial && message.tool_calls.empty()) message.content.clear();
        return strdup(describe(message).dump().c_str());
    });
}
