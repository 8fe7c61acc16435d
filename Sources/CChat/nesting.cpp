// Protects the stack from llama.cpp's parser, which recurses several times for each bracket.

#include "internal.h"

size_t nesting_limit(const std::string &text) {
    size_t depth = 0;
    for (size_t index = 0; index < text.size(); index++) {
        const char character = text[index];
        if (character == '[' || character == '{') {
            if (++depth > MAX_NESTING) return index;
        } else if ((character == ']' || character == '}') && depth > 0) {
            depth--;
        }
    }
    return std::string::npos;
}

size_t end_of_json(const std::string &text, size_t start) {
    size_t depth = 0;
    bool quoted = false;
    for (size_t index = 0; index < text.size(); index++) {
        const char character = text[index];
        if (quoted) {
            if (character == '\\') {
                index++;
            } else if (character == '"') {
                quoted = false;
            }
        } else if (character == '"') {
            quoted = true;
        } else if (character == '[' || character == '{') {
            depth++;
        } else if ((character == ']' || character == '}') && depth > 0 && --depth == 0 && index >= start) {
            return index + 1;
        }
    }
    return text.size();
}
