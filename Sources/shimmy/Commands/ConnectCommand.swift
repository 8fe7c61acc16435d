import ArgumentParser

struct ConnectCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "connect", abstract: "Print or write the configuration that makes a client use this server.",
        discussion: """
            The configuration goes to standard output: variables for the shell, or the content of the client's file, whose path goes to standard \
            error. The model's context length comes from the server if it answers, otherwise from this machine's models. With --write, the \
            configuration is added to the client's own file, and the old file is kept. A file that cannot be extended exactly is not changed; \
            the command then prints what to add and exits with code 8. A key is printed only if --api-key gives it.
            """)

    @OptionGroup var connection: ConnectOptions

    @Flag(help: "List the clients.")
    var list = false

    @Flag(help: "Write the configuration into the client's file.")
    var write = false

    @Argument(help: "Client, such as claude or codex; --list names all.", completion: .list(ConnectClient.all.map(\.name)))
    var client: String?

    func validate() throws {
        if list ? client != nil || write : client == nil { throw ValidationError("Name a client, or pass --list to see the clients.") }
    }

    func run() async throws {
        guard let name = client else { return Self.printList() }
        let client = try Self.client(name)
        let target = try await connection.target()
        if write { try put(client, target) } else { show(client, connection.shown(target)) }
    }

    private static func printList() {
        Console.print(Console.table(ConnectClient.all.map { [$0.name, $0.title, $0.about] }))
    }

    /// Returns a client by name. Exits with the code for wrong usage if there is none.
    static func client(_ name: String) throws -> ConnectClient {
        do {
            return try ConnectClient.named(name)
        } catch {
            throw ValidationError(error.description)
        }
    }

    // MARK: Printing

    private func show(_ client: ConnectClient, _ target: ConnectTarget) {
        let recipe = client.recipe(target, .process)
        if !recipe.variables.isEmpty {
            for variable in recipe.variables { Console.print(variable.command) }
            if let file = recipe.file { note("With --write, the configuration goes into \(file.path).") }
        } else if let file = recipe.file {
            note("File \(file.path); --write adds this to it:")
            Console.print(file.text, terminator: "")
            for variable in recipe.fileVariables { note("Also set: \(variable.command)") }
        } else if !recipe.command.isEmpty {
            Console.print(ShellText.command(recipe.command))
            note("Or enter in \(client.title)'s settings:")
            for line in Console.table(recipe.fields.map { [$0.label, $0.value] }).split(separator: "\n") { note("  \(line)") }
        } else {
            Console.print(Console.table(recipe.fields.map { [$0.label, $0.value] }))
        }
        for text in recipe.notes { note(text) }
        if target.key == .hidden { note("Replace \(ConnectKey.placeholder) by a key of the server, or pass --api-key.") }
    }

    /// Prints a remark to standard error. It is also a comment for the shell.
    private func note(_ text: String) {
        // A line break would end the comment.
        Console.log("# " + String(text.unicodeScalars.map { $0.value < 32 || $0.value == 127 ? " " : Character($0) }))
    }

    // MARK: Writing

    private func put(_ client: ConnectClient, _ target: ConnectTarget) throws {
        try Self.requireKey(target)
        let recipe = client.recipe(target, .process)
        guard let file = recipe.file else {
            Console.error("\(client.title) has no configuration file that can be written; 'shimmy connect \(client.name)' prints its configuration")
            throw ExitStatus.notConfigured
        }
        do {
            report(try ConnectWriter.write(file, isPrivate: target.key.isSecret), at: file.path)
        } catch {
            Console.error("\(file.path) is not changed: \(error.description). Add this to it:")
            Console.print(client.recipe(connection.shown(target), .process).file?.text ?? "", terminator: "")
            throw ExitStatus.notConfigured
        }
        for variable in client.recipe(connection.shown(target), .process).fileVariables { note("Also set: \(variable.command)") }
        for text in client.recipe(connection.shown(target), .process).notes { note(text) }
    }

    private func report(_ outcome: ConnectWriter.Outcome, at path: String) {
        switch outcome {
        case .unchanged: Console.print("\(path) already has this configuration.")
        case .created: Console.print("\(path) is written.")
        case .merged(let backup, let replaced):
            Console.print("\(path) is changed; the old file is \(backup).")
            if !replaced.isEmpty { Console.print("Replaced values: \(replaced.joined(separator: ", ")).") }
        }
    }

    /// Exits if the server has keys but none is known.
    static func requireKey(_ target: ConnectTarget) throws {
        guard target.key == .hidden else { return }
        Console.error("the server requires an API key; pass --api-key")
        throw ExitStatus.failure
    }
}
