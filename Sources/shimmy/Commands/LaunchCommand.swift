import ArgumentParser

struct LaunchCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "launch", abstract: "Start a client that uses this server.",
        discussion: """
            Starts the client with the configuration that 'shimmy connect CLIENT' prints, and changes none of its files. Arguments after -- go to \
            the client. The exit code is the client's. A client that reads its configuration only from a file needs 'shimmy connect CLIENT \
            --write' first.
            """)

    @OptionGroup var connection: ConnectOptions

    @Argument(help: "Client, such as claude or codex; 'shimmy connect --list' names all.", completion: .list(ConnectClient.all.map(\.name)))
    var client: String

    @Argument(parsing: .postTerminator, help: "Arguments of the client.")
    var arguments: [String] = []

    func run() async throws {
        let client = try ConnectCommand.client(client)
        guard let program = client.program else {
            Console.error("\(client.title) cannot be started from here; 'shimmy connect \(client.name)' prints its configuration")
            throw ExitStatus.notConfigured
        }
        let environment = ProcessConfiguration.environment
        guard let path = ProgramLauncher.path(of: program, in: environment["PATH"]) else {
            Console.error("the program '\(program)' of \(client.title) is not in a directory of PATH; install it first")
            throw ExitStatus.programNotFound
        }
        let target = try await connection.target()
        try ConnectCommand.requireKey(target)
        let start = try start(client, target)
        let variables = environment.merging(start.variables.map { ($0.name, $0.value) }) { $1 }
        let last = arguments.isEmpty ? client.defaultArguments : arguments
        let reason = ProgramLauncher.become(path, arguments: [program] + start.arguments + last, environment: variables)
        Console.error("\(path) cannot be started: \(reason)")
        throw ExitStatus.failure
    }

    /// Returns the variables and arguments of the client. Exits if it is not configured and cannot be configured by them.
    private func start(_ client: ConnectClient, _ target: ConnectTarget) throws -> ConnectStart {
        let recipe = client.recipe(target, .process)
        if let launch = recipe.launch { return launch }
        if let file = recipe.file {
            if ConnectWriter.contains(file) { return ConnectStart(variables: recipe.fileVariables) }
            Console.error(
                "\(client.title) reads its configuration only from \(file.path), which lacks this server and model; "
                    + "run 'shimmy connect \(client.name) --write' with the same options first")
        } else {
            let command = ShellText.command(client.recipe(connection.shown(target), .process).command)
            Console.error("\(client.title) stores its configuration itself; run this once, and then \(client.program ?? client.name): \(command)")
        }
        throw ExitStatus.notConfigured
    }
}
