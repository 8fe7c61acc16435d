import Foundation

/// A program that can use the server.
struct ConnectClient: Sendable {
    /// The name on the command line.
    let name: String
    let title: String
    /// The API that the client uses, and the place of its configuration, for the list.
    let about: String
    /// The executable; nil for a client that is not started from a command line.
    var program: String?
    /// The arguments to start the client with if the user passes none.
    var defaultArguments: [String] = []
    let recipe: @Sendable (ConnectTarget, ConnectPlaces) -> ConnectRecipe

    static let all = terminal + editors + applications

    /// Returns the client with a name. Throws a message with suggestions if there is none.
    static func named(_ name: String) throws(ConnectRefusal) -> ConnectClient {
        if let client = all.first(where: { $0.name == name.lowercased() }) { return client }
        let close = NameSuggestions.text(for: name, among: all.map(\.name))
        throw ConnectRefusal("'\(name)' is not a known client; 'shimmy connect --list' lists them.\(close)")
    }
}

/// The configuration of one client.
struct ConnectRecipe: Sendable {
    /// The whole configuration as environment variables; empty if the client has none.
    var variables: [ConnectVariable] = []
    /// The whole configuration as a file; nil if the client has none.
    var file: ConnectFile?
    /// Variables that the client needs in addition to its file.
    var fileVariables: [ConnectVariable] = []
    /// A command that makes the client store the configuration itself; empty if there is none.
    var command: [String] = []
    /// The fields of the client's own settings page, and their values.
    var fields: [(label: String, value: String)] = []
    /// The way to start the client with this configuration, if it is not by `variables` alone.
    var start: ConnectStart?
    /// Further hints, one sentence each.
    var notes: [String] = []

    /// The way to start the client without a change of its files; nil if there is none.
    var launch: ConnectStart? { start ?? (variables.isEmpty ? nil : ConnectStart(variables: variables)) }
}

struct ConnectVariable: Sendable {
    let name: String
    let value: String

    init(_ name: String, _ value: String) {
        self.name = name
        self.value = value
    }

    /// The command of a shell that sets the variable.
    var command: String { "export \(name)=\(ShellText.quoted(value))" }
}

/// The environment and the first arguments of a client's process.
struct ConnectStart: Sendable {
    var variables: [ConnectVariable] = []
    var arguments: [String] = []
}

/// A reason why a configuration cannot be found, merged or written.
struct ConnectRefusal: Error, CustomStringConvertible {
    let description: String

    init(_ description: String) { self.description = description }
}

/// The directories of clients' configuration files.
struct ConnectPlaces: Sendable {
    let home: String
    let environment: [String: String]

    static var process: ConnectPlaces { ConnectPlaces(home: Environment.process.home, environment: ProcessConfiguration.environment) }

    /// The directory for configuration files of the XDG specification.
    var config: String { directory("XDG_CONFIG_HOME", or: ".config") }

    /// The directory for configuration files of programs that follow the customs of each system.
    var applicationSupport: String {
        #if os(macOS)
            "\(home)/Library/Application Support"
        #else
            config
        #endif
    }

    /// Returns the directory that a variable names, else one below the home directory.
    func directory(_ variable: String, or path: String) -> String {
        environment[variable].flatMap { $0.isEmpty ? nil : $0 } ?? "\(home)/\(path)"
    }

    /// Returns the first of the files that exists, else the first.
    func existing(_ paths: String...) -> String { paths.first { FileManager.default.fileExists(atPath: $0) } ?? paths[0] }
}
