import ArgumentParser
import Foundation
import ShimmyConfiguration
import ShimmyDaemon

struct ServiceCommand: AsyncParsableCommand, WorksWithoutConfiguration {
    static let configuration = CommandConfiguration(
        commandName: "service", abstract: "Install, remove or inspect a service that serves models from login or system start on.",
        discussion: "On Linux, systemd runs the service; on macOS, launchd. docs/install.md describes both.",
        subcommands: [ServiceInstallCommand.self, ServiceUninstallCommand.self, ServiceStatusCommand.self, ServiceLogsCommand.self])
}

/// The choice between the service of a user and the one of the system.
struct ServiceScopeOptions: ParsableArguments {
    @Flag(help: "Use the service of the whole machine instead of your own; needs root.")
    var system = false

    var scope: ServiceScope { system ? .system : .user }

    var places: ServicePlan.Places {
        let environment = Environment.process
        return ServicePlan.Places(
            home: environment.home, configuration: environment.string("XDG_CONFIG_HOME") ?? "\(environment.home)/.config", user: getuid())
    }

    /// Whether the installed service has sockets of systemd.
    var hasSocket: Bool { ServicePlan.socketFile(.current, scope, places).map(FileManager.default.fileExists(atPath:)) == true }

    /// The files that can define the service: that of `install`, and those of packages.
    var files: [String] { [ServicePlan.file(.current, scope, places)] + ServicePlan.packageFiles(.current, scope) }
}

struct ServiceInstallCommand: AsyncParsableCommand, WorksWithoutConfiguration {
    static let configuration = CommandConfiguration(
        commandName: "install", abstract: "Install and start the service, or replace an installed one.",
        discussion: """
            Prints what it writes and runs. Options after '--' are those of 'shimmy serve', with absolute or relative paths, for example: \
            shimmy service install -- --port 8080

            Your own service runs while you are logged in. The service of the system (--system) runs from the start of the machine on, with the \
            rights of an account without any others; it reads /etc/shimmy/shimmy.toml and keeps its data in /var/lib/shimmy.

            With --socket-activation, systemd listens on the addresses of the options after '--', by default 127.0.0.1:11435, and starts the server \
            at the first connection.
            """)

    @OptionGroup var configuration: ConfigurationOptions

    @OptionGroup var scope: ServiceScopeOptions

    @Flag(help: "Print the steps without carrying them out.")
    var dryRun = false

    @Flag(help: "Allow the drivers of graphics cards, which need more rights.")
    var gpu = false

    @Flag(help: "Let systemd listen on the addresses, and start the server at the first connection. Not available on macOS.")
    var socketActivation = false

    @Option(help: "Program to run. Default: this one, by the path that starts it.", completion: .file())
    var program: String?

    @Option(help: "Account of a system service. Default on Linux: shimmy, which is created if it does not exist.")
    var account: String?

    @Argument(parsing: .postTerminator, help: "Options of 'shimmy serve', after '--'.")
    var serveOptions: [String] = []

    func validate() throws {
        do {
            _ = try ServeCommand.parse(serveOptions)
        } catch {
            throw ValidationError(ServeCommand.message(for: error))
        }
        let secrets = ["--api-key", "--traces-header"]
        if serveOptions.contains(where: { word in secrets.contains { word == $0 || word.hasPrefix("\($0)=") } }) {
            throw ValidationError(
                "All users can read the file of a service. Use --api-key-file or 'shimmy key create', and set traces_header in shimmy.toml.")
        }
        if socketActivation, ServiceManager.current != .systemd {
            throw ValidationError("--socket-activation needs systemd; launchd starts the server with the machine.")
        }
        if account != nil, !scope.system { throw ValidationError("--account needs --system; your own service runs as you.") }
    }

    func run() async throws {
        let plan = ServicePlan.install(.current, try definition(), scope.places, hasSocket: scope.hasSocket)
        try await ServiceSteps.perform(plan, dryRun: dryRun)
        guard !dryRun else { return }
        Console.print("The service is installed. 'shimmy service status\(suffix)' shows its state, 'shimmy service logs\(suffix)' its log.")
        if ServiceManager.current == .systemd, !scope.system {
            Console.print("It stops when you log out, unless you run: loginctl enable-linger")
        }
    }

    private var suffix: String { scope.system ? " --system" : "" }

    private func definition() throws -> ServiceDefinition {
        let program = program.map(ConfigurationPlace.absolute) ?? OwnProgram.path
        guard FileManager.default.isExecutableFile(atPath: program) else { throw ValidationError("'\(program)' is not a program.") }
        var arguments = ["serve"]
        if let config = configuration.config { arguments += ["--config", ConfigurationPlace.absolute(config)] }
        arguments += ServiceArguments.absolute(serveOptions)
        var service = ServiceDefinition(scope: scope.scope, program: program, arguments: arguments, usesGPU: gpu)
        if socketActivation { service.sockets = try SocketActivation.addresses(ServeCommand.parse(serveOptions)) }
        guard scope.system else { return service }
        let file = URL(fileURLWithPath: program).resolvingSymlinksInPath().path(percentEncoded: false)
        if [program, file].contains(where: { $0.hasPrefix("/home/") || $0.hasPrefix("/root/") }) {
            throw ValidationError(
                "A system service cannot use programs in home directories such as \(program). Copy it first: sudo install \(program) /usr/local/bin/")
        }
        switch ServiceManager.current {
        case .systemd:
            service.account = account ?? "shimmy"
            service.environment = [
                ("XDG_CONFIG_HOME", "/etc"), ("XDG_DATA_HOME", "/var/lib"), ("XDG_STATE_HOME", "/var/lib"), ("XDG_CACHE_HOME", "/var/cache"),
            ]
        case .launchd:
            guard let account else { throw ValidationError("--system needs --account on macOS: an existing account other than root.") }
            service.account = account
            service.environment = [
                (Setting.dataDir.variable, "/Library/Application Support/shimmy"), (Setting.cacheDir.variable, "/Library/Caches/shimmy"),
            ]
        }
        return service
    }
}

struct ServiceUninstallCommand: AsyncParsableCommand, WorksWithoutConfiguration {
    static let configuration = CommandConfiguration(
        commandName: "uninstall", abstract: "Stop and remove the service.", discussion: "Models, stored objects and the configuration stay.")

    @OptionGroup var scope: ServiceScopeOptions

    @Flag(help: "Print the steps without carrying them out.")
    var dryRun = false

    func run() async throws {
        let (manager, places) = (ServiceManager.current, scope.places)
        let file = ServicePlan.file(manager, scope.scope, places)
        guard dryRun || FileManager.default.fileExists(atPath: file) else {
            Console.error("no service is installed: \(file) does not exist")
            throw ExitStatus.failure
        }
        try await ServiceSteps.perform(.uninstall(manager, scope.scope, places, hasSocket: scope.hasSocket), dryRun: dryRun)
    }
}

struct ServiceStatusCommand: AsyncParsableCommand, WorksWithoutConfiguration {
    static let configuration = CommandConfiguration(
        commandName: "status", abstract: "Show the state of the service.",
        discussion: "The exit code is that of systemctl or launchctl; 1 if no service is installed.")

    @OptionGroup var scope: ServiceScopeOptions

    func run() async throws { throw ServiceSteps.become(ServicePlan.status(.current, scope.scope, scope.places), ofServiceAt: scope.files) }
}

struct ServiceLogsCommand: AsyncParsableCommand, WorksWithoutConfiguration {
    static let configuration = CommandConfiguration(commandName: "logs", abstract: "Print the last lines of the service's log.")

    @OptionGroup var scope: ServiceScopeOptions

    @Flag(name: .shortAndLong, help: "Print new lines too, until you press ctrl-c.")
    var follow = false

    @Option(name: .shortAndLong, help: "Number of lines.")
    var lines = 100

    func validate() throws {
        if !(1...1_000_000).contains(lines) { throw ValidationError("--lines is \(lines); it must be a number from 1 to 1000000.") }
    }

    func run() async throws {
        let command = ServicePlan.logs(.current, scope.scope, scope.places, lines: lines, follows: follow)
        throw ServiceSteps.become(command, ofServiceAt: scope.files)
    }
}
