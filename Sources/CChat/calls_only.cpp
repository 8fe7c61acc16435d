// Removes text beside the calls from a format's grammar, for answers that must call a tool.

#include <algorithm>
#include <iterator>
#include <set>
#include <type_traits>

#include "common/chat-peg-parser.h"
#include "common/json-schema-to-grammar.h"
#include "internal.h"

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

void remove_messages(common_peg_arena &arena, common_peg_choice_parser &choice) {
    std::vector<Id> remaining;
    std::copy_if(choice.children.begin(), choice.children.end(), std::back_inserter(remaining), [&](Id id) { return !is_message(arena, id); });
    if (!remaining.empty()) choice.children = remaining;
}

/// Removes text that ends where a call begins.
void remove_text(common_peg_arena &arena, const common_peg_tag_parser &tag) {
    if (tag.tag != common_chat_peg_builder::CONTENT) return;
    const auto *until = std::get_if<common_peg_until_parser>(&arena.get(tag.child));
    // An empty literal, because the grammar of a repetition needs an operand.
    if (until != nullptr && !until->delimiters.empty()) arena.get(tag.child) = common_peg_literal_parser{""};
}

}  // namespace

std::string calls_only_grammar(common_peg_arena parser) {
    for (const Id id : reachable(parser, parser.root())) {
        if (auto *choice = std::get_if<common_peg_choice_parser>(&parser.get(id))) remove_messages(parser, *choice);
    }
    for (const Id id : reachable(parser, parser.root())) {
        if (const auto *tag = std::get_if<common_peg_tag_parser>(&parser.get(id))) remove_text(parser, *tag);
    }
    return build_grammar([&](const common_grammar_builder &builder) { parser.build_grammar(builder, false); });
}
