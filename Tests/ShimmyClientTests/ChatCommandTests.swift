import ShimmyClient
import Testing

@Suite struct ChatCommandTests {
    @Test(arguments: [
        ("Hello", ChatCommand.message("Hello")), ("  ", .nothing), ("", .nothing), (" /help", .message("/help")), ("/help", .help), ("/?", .help),
        ("/bye", .bye), ("/clear", .clear), ("/stats", .statistics), ("/show", .showInfo), ("/show info", .showInfo),
        ("/show template", .showTemplate), ("/show parameters", .showParameters), ("/show system", .showSystem), ("/show messages", .showMessages),
        ("/set", .showParameters), ("/set parameter", .showParameters),
        ("/set parameter temperature 0", .setParameter(name: "temperature", value: "0")),
        ("/set parameter stop  a b ", .setParameter(name: "stop", value: "a b")), ("/set parameter seed", .unsetParameter(name: "seed")),
        ("/set system Be kind.", .setSystem("Be kind.")), ("/system \"Be kind.\"", .setSystem("Be kind.")), ("/system \"\"", .setSystem("")),
        ("/system", .showSystem), ("/set verbose", .setVerbose(true)), ("/set quiet", .setVerbose(false)),
        ("/set hide-thinking", .hideThinking(true)),
        ("/set show-thinking", .hideThinking(false)), ("/set format json", .setJSON(true)), ("/set no-format", .setJSON(false)),
        ("/copy", .copy), ("/image a b.png", .image("a b.png")), ("/tools", .tools("")), ("/tools off", .tools("off")),
        ("/tools \"my tools.json\"", .tools("my tools.json")),
        ("/save mine", .save("mine")), ("/load mine", .load("mine")), ("/load", .sessions),
    ])
    func linesAreCommands(line: String, command: ChatCommand) { #expect(ChatCommand(line) == command) }

    @Test(arguments: [
        "/nonsense", "/", "/save", "/image", "/copy all", "/set nonsense", "/set format xml", "/set system", "/show nonsense",
        "/etc/passwd is what?",
    ])
    func mistakesAreTold(line: String) {
        guard case .mistake(let text) = ChatCommand(line) else {
            Issue.record("\(line) is no mistake")
            return
        }
        #expect(text.contains(line.split(separator: " ").last ?? "/") || text.contains("/"))
    }
}
