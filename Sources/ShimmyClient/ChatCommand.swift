/// The meaning of a line in a conversation: a message, or a command of the program.
package enum ChatCommand: Sendable, Equatable {
    case message(String)
    case nothing
    case help
    case bye
    case clear
    case statistics
    case showParameters, showInfo, showTemplate, showSystem, showMessages
    case setParameter(name: String, value: String)
    /// Resets a parameter to its default.
    case unsetParameter(name: String)
    /// Sets the system message; empty for none.
    case setSystem(String)
    case setVerbose(Bool)
    case hideThinking(Bool)
    /// Whether answers must be JSON.
    case setJSON(Bool)
    /// Copies the last answer to the clipboard.
    case copy
    /// Adds the image in a file to the next message.
    case image(String)
    /// Reads tools from a file; "off" for none, empty to list them.
    case tools(String)
    case save(String)
    case load(String)
    case sessions
    /// A line that is not valid, with a message for the user.
    case mistake(String)

    /// Parses a line. A line that begins with a slash is a command; a line that begins with a space and a slash is a message.
    package init(_ line: String) {
        guard line.first == "/" else {
            self = line.allSatisfy(\.isWhitespace) ? .nothing : .message(line.hasPrefix(" /") ? String(line.dropFirst()) : line)
            return
        }
        let (word, rest) = Self.split(line)
        switch word {
        case "/help", "/?": self = .help
        case "/bye", "/exit", "/quit": self = .bye
        case "/clear": self = .clear
        case "/stats": self = .statistics
        case "/set": self = Self.set(rest)
        case "/system": self = rest.isEmpty ? .showSystem : .setSystem(Self.unquoted(rest))
        case "/show": self = Self.show(rest)
        case "/copy": self = rest.isEmpty ? .copy : .mistake("/copy takes no value; it copies the last answer")
        case "/image": self = rest.isEmpty ? .mistake("/image needs the path of a file") : .image(Self.unquoted(rest))
        case "/tools": self = .tools(Self.unquoted(rest))
        case "/save": self = rest.isEmpty ? .mistake("/save needs a name") : .save(rest)
        case "/load": self = rest.isEmpty ? .sessions : .load(rest)
        default: self = .mistake("unknown command \(word); /help lists all commands. A space before the slash makes it a message.")
        }
    }

    private static func set(_ text: String) -> ChatCommand {
        let (word, rest) = split(text)
        switch word {
        case "parameter":
            let (name, value) = split(rest)
            if name.isEmpty { return .showParameters }
            return value.isEmpty ? .unsetParameter(name: name) : .setParameter(name: name, value: value)
        case "system": return rest.isEmpty ? .mistake("/set system needs a text, or \"\" for none") : .setSystem(unquoted(rest))
        case "verbose": return .setVerbose(true)
        case "quiet": return .setVerbose(false)
        case "hide-thinking": return .hideThinking(true)
        case "show-thinking": return .hideThinking(false)
        case "format": return rest == "json" ? .setJSON(true) : .mistake("/set format accepts only json; /set no-format turns it off")
        case "no-format": return .setJSON(false)
        case "": return .showParameters
        default:
            return .mistake("/set takes parameter, system, verbose, quiet, hide-thinking, show-thinking, format json or no-format, not \(word)")
        }
    }

    private static func show(_ text: String) -> ChatCommand {
        switch text {
        case "", "info": .showInfo
        case "parameters": .showParameters
        case "template": .showTemplate
        case "system": .showSystem
        case "messages": .showMessages
        default: .mistake("/show takes info, parameters, template, system or messages, not \(text)")
        }
    }

    /// Returns the first word and the rest of the text.
    private static func split(_ text: String) -> (word: String, rest: String) {
        let trimmed = text.drop(while: \.isWhitespace)
        let end = trimmed.firstIndex(where: \.isWhitespace) ?? trimmed.endIndex
        var rest = trimmed[end...].drop(while: \.isWhitespace)
        while rest.last?.isWhitespace == true { rest.removeLast() }
        return (String(trimmed[..<end]), String(rest))
    }

    /// Returns the text without quotation marks around it.
    private static func unquoted(_ text: String) -> String {
        text.count >= 2 && text.first == "\"" && text.last == "\"" ? String(text.dropFirst().dropLast()) : text
    }
}
