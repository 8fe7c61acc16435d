import CLlama
import Foundation
import ShimmyChat
import ShimmyEngine
import ShimmyGrammar
import ShimmyJSON
import ShimmyLlama
import Testing

/// What Shimmy assumes about llama.cpp beyond its documented interface. ARCHITECTURE.md lists all assumptions with their tests. If a test fails with
/// another version of llama.cpp, the code that the list names has to follow.
@Suite struct LlamaAssumptionTests {
    /// Returns a file of llama.cpp's source without comments, with single spaces between words.
    private static func source(_ file: String) throws -> String {
        let text = try String(contentsOfFile: LlamaSource.directory + "/" + file, encoding: .utf8)
        let lines = text.split(separator: "\n").map { line in line.range(of: "//").map { line[..<$0.lowerBound] } ?? line }
        return lines.joined(separator: " ").split(whereSeparator: \.isWhitespace).joined(separator: " ")
    }

    // MARK: Memory

    /// `CChat/memory.cpp` repeats these declarations. A linker does not notice another layout of the struct.
    @Test func theMemoryReportIsDeclaredAsCChatDeclaresIt() throws {
        let interface = try Self.source("src/llama-ext.h")
        #expect(
            interface.contains("struct llama_memory_breakdown_data { size_t model = 0; size_t context = 0; size_t compute = 0; size_t total() const"))
        #expect(
            interface.contains("using llama_memory_breakdown = std::map<ggml_backend_buffer_type_t, llama_memory_breakdown_data>;"))
        #expect(interface.contains("llama_memory_breakdown llama_get_memory_breakdown(const struct llama_context * ctx);"))
        #expect(
            try Self.source("src/llama-model.h").contains(
                "const std::vector<std::pair<std::string, ggml_tensor *>> & llama_internal_get_tensor_map(const llama_model * model);"))
    }

    @Test func anEngineKeepsAsManySequencesAsLlamaAllows() {
        #expect(EngineShape.mostSequences == Int(llama_max_parallel_sequences()))
    }

    // MARK: Tokenizers

    /// For a name that Shimmy does not know, it cuts no text and limits all of it, which is slow and refuses long texts for no reason.
    @Test func allPreTokenizersAreKnown() throws {
        let found = try Self.source("src/llama-vocab.cpp").matches(of: #/tokenizer_pre == "([^"]*)"/#).map { String($0.1) }
        #expect(found.count > 80)
        #expect(Set(found).subtracting(PreTokenizers.names) == [])
    }

    /// The order in which the tokenizer searches for special tokens comes from this unstable sort, which CChat repeats.
    @Test func specialTokensAreSortedAsCChatSortsThem() throws {
        let source = try Self.source("src/llama-vocab.cpp")
        #expect(
            source.contains(
                "std::sort(cache_special_tokens.begin(), cache_special_tokens.end(), [&] (const llama_token a, const llama_token b) "
                    + "{ return id_to_token[a].text.size() > id_to_token[b].text.size(); } );"))
    }

    // MARK: Grammars

    private static let object: JSON = [
        "type": "object", "properties": ["city": ["type": "string"], "days": ["type": "integer"], "list": ["type": "array"]],
        "required": ["city", "days"], "additionalProperties": false,
    ]

    /// Conversations whose answers have grammars: calls, a schema, and both.
    private static var conversations: [Conversation] {
        let kinds: [(mode: ToolChoice.Mode, schema: JSON?)] = [(.required, nil), (.auto, nil), (.none, object), (.auto, object)]
        return kinds.map { mode, schema in
            var conversation = Conversation(messages: [ChatMessage(.user, "Hi")])
            if mode != .none {
                conversation.tools = [Tool(name: "get_weather", parameters: object), Tool(name: "under_score")]
                conversation.toolChoice = ToolChoice(mode)
            }
            conversation.responseSchema = schema
            return conversation
        }
    }

    /// A schema of a constant number becomes a rule whose whole body is the number. No space may follow it in the rule, because the grammar of the
    /// schema would allow it too.
    @Test(arguments: AnswerFormatTests.templates) func aPlaceholderIsTheBodyOfARule(file: String) throws {
        let template = try LlamaSource.template(file)
        let start = "\"\(String(SchemaPlaceholders.firstNumber).prefix(7))"
        for (index, conversation) in Self.conversations.enumerated() {
            let grammar = try #require(try template.render(conversation).grammar)
            let lines = grammar.definition.texts.flatMap { $0.split(separator: "\n") }.filter { $0.contains(start) }
            // Some families write arguments in a syntax of their own, unless a call is required.
            #expect(!lines.isEmpty || index == 1)
            for line in lines { #expect(line.wholeMatch(of: #/[A-Za-z0-9-]+ ::= "\d+"/#) != nil, "\(line)") }
            #expect(try !grammar.definition.printed().contains(start), "a number is left")
        }
    }

    /// The names of Shimmy's own rules have underscores, so that none is llama.cpp's.
    @Test(arguments: AnswerFormatTests.templates) func rulesHaveNamesWithoutUnderscores(file: String) throws {
        let template = try LlamaSource.template(file)
        for conversation in Self.conversations {
            let texts = try #require(try template.render(conversation).grammar).definition.texts
            #expect(!texts.isEmpty)
            for line in texts.flatMap({ $0.split(separator: "\n") }) { #expect(line.prefixMatch(of: #/[A-Za-z0-9-]+ ::= /#) != nil, "\(line)") }
        }
    }

    /// `LlamaChatTemplate` finds the fence and the spaces around an answer as the expression that llama.cpp makes of this parser.
    @Test func theFenceOfAnAnswerIsTheExpectedExpression() throws {
        #expect(
            try Self.source("common/chat-auto-parser-generator.cpp").contains(
                #"p.choice({ p.literal("```json") + p.space() + response_format + p.space() + p.literal("```"), "#
                    + "p.space() + response_format + p.space() })"))
    }

    @Test(arguments: ["Qwen-Qwen3-0.6B.jinja", "meta-llama-Llama-3.1-8B-Instruct.jinja", "google-gemma-2-2b-it.jinja"])
    func anAnswerHasNoFence(file: String) throws {
        var conversation = Conversation(messages: [ChatMessage(.user, "Hi")])
        conversation.responseSchema = Self.object
        let definition = try #require(try LlamaSource.template(file).render(conversation).grammar).definition
        #expect(definition.texts.contains { $0.contains("```json") }, "llama.cpp allows a fence")
        let text = try definition.printed()
        #expect(text.contains("response-format") && !text.contains("```"))
        // Without reasoning, the answer follows the end of the prompt directly.
        #expect(!text.contains("space space response-format"))
    }
}
