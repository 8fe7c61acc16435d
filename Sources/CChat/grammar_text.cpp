// Edits the text of grammars (GBNF).

#include <cctype>

#include "internal.h"

namespace {

/// Returns the end of the literal or character class that begins at `start` and ends with `close`. A backslash escapes the next character.
size_t end_of_quoted(const std::string &text, size_t start, char close) {
    size_t index = start + 1;
    while (index < text.size() && text[index] != close) index += text[index] == '\\' ? 2 : 1;
    return std::min(index + 1, text.size());
}

bool is_name(char character) { return isalnum(static_cast<unsigned char>(character)) || character == '-' || character == '_'; }

}  // namespace

std::string with_prefixed_rules(const std::string &grammar, const std::string &prefix) {
    std::string result;
    for (size_t index = 0; index < grammar.size();) {
        const char character = grammar[index];
        size_t end = index + 1;
        if (character == '"') {
            end = end_of_quoted(grammar, index, '"');
        } else if (character == '[') {
            end = end_of_quoted(grammar, index, ']');
        } else if (character == '{') {
            end = std::min(grammar.find('}', index), grammar.size() - 1) + 1;
        } else if (character == '<') {
            end = std::min(grammar.find('>', index), grammar.size() - 1) + 1;
        } else if (character == '#') {
            end = std::min(grammar.find('\n', index), grammar.size());
        } else if (is_name(character)) {
            while (end < grammar.size() && is_name(grammar[end])) end++;
            result += prefix;
        }
        result.append(grammar, index, end - index);
        index = end;
    }
    return result;
}

namespace {

void replace_all(std::string &text, const std::string &part, const std::string &other) {
    for (size_t place = text.find(part); place != std::string::npos; place = text.find(part, place + other.size())) {
        text.replace(place, part.size(), other);
    }
}

}  // namespace

void set_rule(std::string &grammar, const std::string &name, const std::string &body) {
    // llama.cpp writes each rule in a line.
    const std::string head = name + " ::= ";
    for (size_t start = 0; start < grammar.size();) {
        const size_t end = std::min(grammar.find('\n', start), grammar.size());
        if (grammar.compare(start, head.size(), head) == 0) {
            grammar.replace(start + head.size(), end - start - head.size(), body);
            return;
        }
        start = end + 1;
    }
}

std::string with_bare_answer(std::string grammar) {
    // These are the texts of a rule that llama.cpp makes for all formats that it derives from a template (common/chat-auto-parser-generator.cpp).
    replace_all(grammar, "(\"```json\" space response-format space \"```\" | space response-format space)", "response-format");
    // Spaces remain before the answer where they separate it from reasoning.
    replace_all(grammar, "\" space space response-format", "\" response-format");
    return grammar;
}
