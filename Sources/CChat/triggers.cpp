// The triggers of lazy grammars. llama.cpp searches the whole text for regular expressions with lookaround, which an automaton that reads each byte
// once does not support. This file translates its few expressions: each becomes a position and a pattern for the text at that position.

#include <map>

#include "internal.h"

const std::string OPENING = "opening:";

namespace {

struct Opening {
    const char *after;
    const char *pattern;
};

const std::map<std::string, std::vector<Opening>> &known_patterns() {
    static const std::map<std::string, std::vector<Opening>> patterns = {
        // gpt-oss
        {"^\\s+to$", {{"", "\\s+to"}}},
        {"^<\\|channel\\|>(?:commentary|analysis)\\s+to=functions$", {{"", "<\\|channel\\|>(?:commentary|analysis)\\s+to=functions"}}},
        {"<\\|start\\|>assistant(\\s+to)", {{"<|start|>assistant", "\\s+to"}}},
        {"<\\|start\\|>assistant(<\\|channel\\|>(?:commentary|analysis)\\s+to)",
         {{"<|start|>assistant", "<\\|channel\\|>(?:commentary|analysis)\\s+to"}}},
        // Functionary: any recipient but "all".
        {">>>(?!all)", {{">>>", "[^a]|a[^l]|al[^l]"}}},
        // Muse: any recipient but "self" and "user".
        {"(?:^|<\\|start\\|>assistant)( to=(?!self<\\|message\\|>)(?!user<\\|message\\|>)[^<]*?<\\|message\\|>)",
         {{"", " to=([^su<]|s[^e<]|se[^l<]|sel[^f<]|self[^<]|u[^s<]|us[^e<]|use[^r<]|user[^<])[^<]*<\\|message\\|>"},
          {"<|start|>assistant", " to=([^su<]|s[^e<]|se[^l<]|sel[^f<]|self[^<]|u[^s<]|us[^e<]|use[^r<]|user[^<])[^<]*<\\|message\\|>"}}},
    };
    return patterns;
}

common_json opening(const std::string &pattern, const std::string &after) {
    common_json entry = common_json::object();
    entry["opening"] = pattern;
    entry["after"] = after;
    return entry;
}

}  // namespace

std::vector<common_json> described_trigger(const common_grammar_trigger &trigger) {
    std::vector<common_json> entries;
    if (trigger.type == COMMON_GRAMMAR_TRIGGER_TYPE_WORD) {
        entries.push_back(common_json::object());
        entries.back()["word"] = trigger.value;
    } else if (trigger.value.rfind(OPENING, 0) == 0) {
        entries.push_back(opening(trigger.value.substr(OPENING.size()), ""));
    } else {
        const auto known = known_patterns().find(trigger.value);
        if (known == known_patterns().end()) throw std::invalid_argument("unknown pattern of a grammar trigger: " + trigger.value);
        for (const Opening &part : known->second) entries.push_back(opening(part.pattern, part.after));
    }
    return entries;
}
