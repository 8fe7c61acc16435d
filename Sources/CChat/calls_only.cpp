// Finds the rules of a format's grammar that need other bodies, so that the grammar excludes text beside calls or begins with a call. The names of
// the rules come from the parser of the format. The grammar cannot be built from the parser again, which has lost the schemas of the arguments.

#include <algorithm>
#include <cctype>
#include <set>
#include <type_traits>
#include <variant>

#include "common/chat-peg-parser.h"
#include "internal.h"

// `children` finds the members of a parser by their names. A new kind of parser may have members with other names.
static_assert(std::variant_size_v<common_peg_parser_variant> == 21, "llama.cpp has other kinds of parsers: check children()");

namespace {

using Id = common_peg_parser_id;

template <typename Parser, typename = void>
constexpr bool has_children = false;
template <typename Parser>
constexpr bool has_children<Parser, std::void_t<decltype(Parser::children)>> = true;

template <typename Parser, typename = void>
constexpr bool has_child = false;
template <typename Parser>
constexpr bool has_child<Parser, std::void_t<decltype(Parser::child)>> = true;

std::vector<Id> children(const common_peg_arena &arena, Id id) {
    return std::visit(
        [&](const auto &parser) -> std::vector<Id> {
            using Parser = std::decay_t<decltype(parser)>;
            if constexpr (has_children<Parser>) {
                return parser.children;
            } else if constexpr (has_child<Parser>) {
                return {parser.child};
            } else if constexpr (std::is_same_v<Parser, common_peg_ref_parser>) {
                return {arena.get_rule(parser.name)};
            } else {
                return {};
            }
        },
        arena.get(id));
}

std::set<Id> reachable(const common_peg_arena &arena, Id root) {
    std::set<Id> found;
    std::vector<Id> remaining = {root};
    while (!remaining.empty()) {
        const Id id = remaining.back();
        remaining.pop_back();
        if (!found.insert(id).second) continue;
        for (const Id child : children(arena, id)) remaining.push_back(child);
    }
    return found;
}

bool has_tag(const common_peg_arena &arena, Id root, const std::string &name) {
    const std::set<Id> ids = reachable(arena, root);
    return std::any_of(ids.begin(), ids.end(), [&](Id id) {
        const auto *tag = std::get_if<common_peg_tag_parser>(&arena.get(id));
        return tag != nullptr && tag->tag == name;
    });
}

/// Returns whether the alternative is a message of its own beside the calls, such as gpt-oss's preamble.
bool is_message(const common_peg_arena &arena, Id alternative) {
    return has_tag(arena, alternative, common_chat_peg_builder::CONTENT) && !has_tag(arena, alternative, common_chat_peg_builder::TOOL);
}

/// Returns the name of a rule in a grammar, in which llama.cpp replaces some characters.
std::string grammar_name(std::string name) {
    for (char &character : name) {
        if (!isalnum(static_cast<unsigned char>(character))) character = '-';
    }
    return name;
}

/// Returns the name of the rule that a parser is or refers to; empty if it is neither.
std::string rule_name(const common_peg_parser_variant &parser) {
    if (const auto *rule = std::get_if<common_peg_rule_parser>(&parser)) return rule->name;
    if (const auto *ref = std::get_if<common_peg_ref_parser>(&parser)) return ref->name;
    return "";
}

/// The body of a rule that matches no text: a character of the empty set.
const std::string NOTHING = "[^\\x00-\\U0010FFFF]";

/// Excludes messages beside the calls, if the choice has other alternatives.
void exclude_messages(RuleBodies &rules, const common_peg_arena &arena, const common_peg_choice_parser &choice) {
    std::vector<std::string> messages;
    for (const Id id : choice.children) {
        if (is_message(arena, id)) messages.push_back(rule_name(arena.get(id)));
    }
    if (messages.size() == choice.children.size()) return;
    for (const std::string &name : messages) {
        if (!name.empty()) rules[grammar_name(name)] = NOTHING;
    }
}

/// Excludes text that ends where a call begins.
void exclude_text(RuleBodies &rules, const common_peg_arena &arena, const common_peg_tag_parser &tag) {
    if (tag.tag != common_chat_peg_builder::CONTENT) return;
    const auto *until = std::get_if<common_peg_until_parser>(&arena.get(tag.child));
    // llama.cpp names the rule after the parser's index.
    if (until != nullptr && !until->delimiters.empty()) rules["until-" + std::to_string(tag.child)] = "\"\"";
}

}  // namespace

RuleBodies calls_only_rules(const common_peg_arena &parser) {
    RuleBodies rules;
    for (const Id id : reachable(parser, parser.root())) {
        if (const auto *choice = std::get_if<common_peg_choice_parser>(&parser.get(id))) exclude_messages(rules, parser, *choice);
        if (const auto *tag = std::get_if<common_peg_tag_parser>(&parser.get(id))) exclude_text(rules, parser, *tag);
    }
    return rules;
}

RuleBodies trigger_rules(const common_peg_arena &parser) {
    std::set<std::string> names;
    for (const Id id : reachable(parser, parser.root())) {
        const auto *rule = std::get_if<common_peg_rule_parser>(&parser.get(id));
        if (rule != nullptr && rule->trigger) names.insert(grammar_name(rule->name));
    }
    std::string root;
    for (const std::string &name : names) root += (root.empty() ? "" : " | ") + name;
    return {{"root", root}};
}
