import ArgumentParser
import Foundation
import ShimmyConfiguration
import Synchronization

/// The configuration file of this process. It is read on first use, and again when a server finds that it changed.
final class ProcessConfiguration: Sendable {
    static let environment = ProcessInfo.processInfo.environment
    static let shared = ProcessConfiguration(named: option(in: CommandLine.arguments))

    /// Returns whether a variable of the environment is set to more than spaces.
    static func hasKey(in variable: String) -> Bool { environment[variable]?.contains { !$0.isWhitespace } ?? false }

    /// The path given by `--config`; nil without that option.
    private let named: String?
    private let current: Mutex<ConfigurationFile?>

    init(named: String?) {
        self.named = named
        current = Mutex(Self.read(named: named))
    }

    /// The current file; nil if there is none or if it has problems, in which case no part of it applies.
    var file: ConfigurationFile? { current.withLock { $0 }.flatMap { $0.problems.isEmpty ? $0 : nil } }

    var problems: [ConfigurationProblem] { current.withLock { $0?.problems } ?? [] }

    /// Reads the file again. A file with problems changes nothing.
    /// - Returns: the problems.
    func reload() -> [ConfigurationProblem] {
        let file = Self.read(named: named)
        if let problems = file?.problems, !problems.isEmpty { return problems }
        current.withLock { $0 = file }
        return []
    }

    /// The paths at which the configuration file may be, to watch for changes.
    var candidates: [String] {
        let (environment, home) = (Self.environment, Self.home)
        let path = ConfigurationPlace.find(named: named, environment: environment, home: home)
        let isNamed = named != nil || environment[ConfigurationPlace.variable].map { !$0.isEmpty } ?? false
        return isNamed ? path.map { [ConfigurationPlace.absolute($0)] } ?? [] : ConfigurationPlace.usual(environment: environment, home: home)
    }

    /// The path of the configuration file, whether it exists or not.
    var path: String { ConfigurationPlace.find(named: named, environment: Self.environment, home: Self.home) ?? candidates[0] }

    private static var home: String { environment["HOME"] ?? "/" }

    private static func read(named: String?) -> ConfigurationFile? {
        ConfigurationPlace.find(named: named, environment: environment, home: home).map { read($0) }
    }

    /// Reads any configuration file and checks it completely.
    static func read(_ path: String) -> ConfigurationFile {
        var file = ConfigurationPlace.read(path, home: home)
        PresetCheck.check(&file)
        return file
    }

    /// Returns the argument of `--config`; nil without it. It must be known before other options are parsed, because the file has their defaults.
    private static func option(in arguments: [String]) -> String? {
        let options = arguments.prefix { $0 != "--" }
        if let index = options.lastIndex(of: "--config"), index + 1 < options.endIndex { return options[index + 1] }
        return options.last { $0.hasPrefix("--config=") }.map { String($0.dropFirst("--config=".count)) }
    }

    /// Prints the problems of the file, if it has any, and exits, because the command could not run as configured.
    func refuseProblems() throws {
        let problems = problems
        if problems.isEmpty { return }
        for problem in problems { Console.log("\(problem)") }
        Console.error("the configuration is not valid; fix it, and check it with 'shimmy config check'")
        throw ExitStatus.failure
    }
}

/// The option that names the configuration file, for every command. `ProcessConfiguration` reads it before options are parsed.
struct ConfigurationOptions: ParsableArguments {
    @Option(
        help: """
            Configuration file. Default: shimmy.toml in the configuration directory; see 'shimmy config path'. [\(ConfigurationPlace.variable)]
            """)
    var config: String?
}
