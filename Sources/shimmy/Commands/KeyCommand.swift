import ArgumentParser
import Foundation
import ShimmyAPI
import ShimmyAccounts
import ShimmyConfiguration
import ShimmyCore
import ShimmyJSON
import ShimmyModels
import ShimmyServer

struct KeyCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "key", abstract: "Create, list, change, revoke or rotate the API keys of clients.",
        discussion: """
            The keys are stored as hashes in the data directory. A running server with the same data directory applies every change to the next \
            request. Once there is a key, the server requires one for every request.
            """,
        subcommands: [
            KeyCreateCommand.self, KeyListCommand.self, KeyShowCommand.self, KeySetCommand.self, KeyRevokeCommand.self, KeyRotateCommand.self,
            KeyUsageCommand.self,
        ], defaultSubcommand: KeyListCommand.self)

    static var book: KeyBook { KeyBook(directory: Environment.process.directories.data) }

    static func reportingErrors<Value>(_ work: () async throws -> Value) async throws -> Value {
        do {
            return try await work()
        } catch let error as KeyBookError {
            Console.error(error.description)
            throw ExitStatus.failure
        }
    }

    /// Returns the result of a change to the key with a name or an id. The change returns nil if the data directory has no such key.
    static func changing<Value>(_ name: String, _ change: (KeyBook) async throws -> Value?) async throws -> Value {
        try await reportingErrors {
            let book = book
            try await refuseConfigured(name, book)
            guard let changed = try await change(book) else { throw unknown(name, try await book.current()) }
            return changed
        }
    }

    /// Throws if the configuration file has a key with a name, which no command changes. A key of the data directory with the same name can be
    /// changed by its ID.
    private static func refuseConfigured(_ name: String, _ book: KeyBook) async throws {
        guard (ProcessConfiguration.shared.file?.keys ?? []).contains(where: { $0.name == name }) else { return }
        let stored = try await book.current().all.first { $0.name == name && $0.revoked == nil }
        let advice = stored.map { ". The data directory has another key with this name: use its ID, \($0.id)" } ?? ""
        Console.error("the key '\(name)' is in \(ProcessConfiguration.shared.path); change it there\(advice)")
        throw ExitStatus.failure
    }

    /// Returns the exit for a name that no key of the data directory has.
    static func unknown(_ name: String, _ entries: KeyBook.Entries) -> ExitCode {
        if entries.key(named: name)?.revoked != nil {
            Console.error("the key '\(name)' is already revoked")
        } else {
            let names = entries.all.filter { $0.revoked == nil }.map(\.name)
            Console.error("there is no key '\(name)'." + NameSuggestions.text(for: name, among: names))
        }
        return ExitStatus.failure
    }

    /// Prints a new key: its text to standard output, so that a script can read it, and the rest to standard error.
    static func show(_ new: KeyBook.NewKey, json: Bool, notes: [String]) {
        if json {
            Console.print(AdminKeyEncoder(new.key).json(text: new.text).pretty())
        } else {
            Console.log("The key '\(new.key.name)' (\(new.key.role.rawValue), \(new.key.id)) is not shown again:")
            Console.print(new.text)
        }
        for note in notes { Console.log(note) }
    }
}

struct KeyCreateCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "create", abstract: "Create a key and print it once.",
        discussion: "The key is the only text on standard output. Clients send it as 'Authorization: Bearer KEY'.")

    @OptionGroup var configuration: ConfigurationOptions

    @OptionGroup var options: KeyOptions

    @Flag(help: "Print JSON.")
    var json = false

    @Argument(help: "Name of the key, for people and for the log.")
    var name: String

    func validate() throws {
        if !KeyRanges.isName(name) { throw ValidationError("A key's name must have \(KeyRanges.nameExpectation).") }
    }

    func run() async throws {
        if (ProcessConfiguration.shared.file?.keys ?? []).contains(where: { $0.name == name }) {
            Console.error("\(ProcessConfiguration.shared.path) already has a key named '\(name)'; choose another name")
            throw ExitStatus.failure
        }
        try await KeyCommand.reportingErrors {
            let book = KeyCommand.book
            let isFirst = try await !book.current().areAny
            let new = try await book.create(options.draft(name))
            var notes: [String] = []
            if isFirst {
                notes.append("Servers with the data directory \(Environment.process.directories.data) require a key from now on.")
                if new.key.role == .user { notes.append("No key has the role admin yet; 'shimmy key create NAME --role admin' creates one.") }
            }
            KeyCommand.show(new, json: json, notes: notes)
        }
    }
}

struct KeyListCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "list", abstract: "List the keys of the data directory and of the configuration file.")

    @OptionGroup var configuration: ConfigurationOptions

    @Flag(help: "List revoked keys too.")
    var all = false

    @Flag(help: "Print JSON.")
    var json = false

    func run() async throws {
        let configured = try ConfiguredKeys.read().map(\.key)
        let stored = try await KeyCommand.reportingErrors { try await KeyCommand.book.current().all }.filter { all || $0.revoked == nil }
        if json {
            let objects = configured.map { AdminKeyEncoder($0, isConfigured: true).json } + stored.map { AdminKeyEncoder($0).json }
            Console.print(JSON.array(objects).pretty())
        } else if configured.isEmpty, stored.isEmpty {
            Console.print("There are no keys. 'shimmy key create NAME' creates one.")
        } else {
            let rows = configured.map { Self.row($0, from: "shimmy.toml") } + stored.map { Self.row($0, from: "data directory") }
            Console.print(Console.table([["NAME", "ROLE", "MODELS", "STATE", "FROM", "ID"]] + rows))
        }
    }

    private static func row(_ key: AccessKey, from source: String) -> [String] {
        [key.name, key.role.rawValue, key.models.isEmpty ? "all" : key.models.joined(separator: ", "), key.stateText, source, key.id]
    }
}

struct KeyShowCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(commandName: "show", abstract: "Show a key's role, models, limits and validity.")

    @OptionGroup var configuration: ConfigurationOptions

    @Flag(help: "Print JSON.")
    var json = false

    @Argument(help: "Name or ID of the key.")
    var name: String

    func run() async throws {
        let configured = try ConfiguredKeys.read().map(\.key).first { $0.name == name || $0.id == name }
        let entries = try await KeyCommand.reportingErrors { try await KeyCommand.book.current() }
        guard let key = configured ?? entries.key(named: name) else { throw KeyCommand.unknown(name, entries) }
        let encoder = AdminKeyEncoder(key, isConfigured: configured != nil)
        if json { return Console.print(encoder.json.pretty()) }
        var rows = [
            ["name", key.name], ["id", key.id], ["role", key.role.rawValue], ["state", key.stateText],
            ["ends in", key.hint ?? "-"], ["models", key.models.isEmpty ? "all" : key.models.joined(separator: ", ")], ["weight", "\(key.weight)"],
        ]
        for (name, value) in encoder.limits { rows.append([name.replacing("_", with: " "), value.map { "\($0)" } ?? "unlimited"]) }
        if configured == nil { rows.append(["created", key.created.formatted(.iso8601)]) }
        rows.append(["from", configured == nil ? "data directory" : "shimmy.toml"])
        Console.print(Console.table(rows))
    }
}

struct KeySetCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "set", abstract: "Change a key's role, models, limits, weight or validity.",
        discussion: "Running servers apply the change to the key's next request. The value 'none' removes a limit.")

    @OptionGroup var configuration: ConfigurationOptions

    @OptionGroup var options: KeyChangeOptions

    @Flag(help: "Print JSON.")
    var json = false

    @Argument(help: "Name or ID of the key.")
    var name: String

    func run() async throws {
        let options = options
        let key = try await KeyCommand.changing(name) { try await $0.update(name) { options.apply(to: &$0) } }
        Console.print(json ? AdminKeyEncoder(key).json.pretty() : "The key '\(key.name)' (\(key.id)) is changed.")
    }
}

struct KeyRevokeCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "revoke", abstract: "Revoke a key permanently.", discussion: "Running servers refuse the key's next request.")

    @OptionGroup var configuration: ConfigurationOptions

    @Flag(help: "Print JSON.")
    var json = false

    @Argument(help: "Name or ID of the key.")
    var name: String

    func run() async throws {
        let key = try await KeyCommand.changing(name) { try await $0.revoke(name) }
        Console.print(json ? AdminKeyEncoder(key).json.pretty() : "The key '\(key.name)' (\(key.id)) is revoked.")
    }
}

struct KeyRotateCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "rotate", abstract: "Replace a key by a new one with the same properties, and print it once.",
        discussion: "Servers no longer accept the old key. The stored objects of the key stay its own.")

    @OptionGroup var configuration: ConfigurationOptions

    @Flag(help: "Print JSON.")
    var json = false

    @Argument(help: "Name or ID of the key.")
    var name: String

    func run() async throws {
        KeyCommand.show(try await KeyCommand.changing(name) { try await $0.rotate(name) }, json: json, notes: [])
    }
}

extension AccessKey {
    /// Whether the key is valid, for people.
    fileprivate var stateText: String {
        switch obstacle(at: Date()) {
        case .revoked?: "revoked \(revoked?.formatted(.iso8601) ?? "")"
        case .expired?: "expired \(expires?.formatted(.iso8601) ?? "")"
        case nil: expires.map { "valid until \($0.formatted(.iso8601))" } ?? "valid"
        }
    }
}

struct KeyUsageCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "usage", abstract: "Show the usage of a key by model and day, or the sums of all keys.",
        discussion: "'shimmy usage' sums by other properties.")

    @OptionGroup var configuration: ConfigurationOptions

    @Argument(help: "Name or ID of the key. Default: all keys.")
    var name: String?

    @Flag(help: "Print JSON.")
    var json = false

    func run() async throws {
        let selection = name.map { ["--key=\($0)", "--by", "model", "day"] } ?? []
        try await UsageCommand.parse(selection + (json ? ["--json"] : [])).run()
    }
}
