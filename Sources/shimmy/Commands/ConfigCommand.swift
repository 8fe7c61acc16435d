import ArgumentParser
import Foundation
import ShimmyAccounts
import ShimmyConfiguration
import ShimmyModels

struct ConfigCommand: AsyncParsableCommand, WorksWithoutConfiguration {
    static let configuration = CommandConfiguration(
        commandName: "config", abstract: "Check, show or create the configuration file.",
        subcommands: [ConfigCheckCommand.self, ConfigShowCommand.self, ConfigInitCommand.self, ConfigPathCommand.self])
}

struct ConfigCheckCommand: AsyncParsableCommand, WorksWithoutConfiguration {
    static let configuration = CommandConfiguration(
        commandName: "check", abstract: "Report every mistake in a configuration file.",
        discussion: "The exit code is 0 for a valid file and 1 otherwise.")

    @OptionGroup var options: ConfigurationOptions

    @Argument(help: "File to check. Default: the file in effect.")
    var file: String?

    func run() async throws {
        let path = file ?? ProcessConfiguration.shared.path
        var content = ProcessConfiguration.read(path)
        PresetCheck.checkBases(&content)
        Self.checkVariables(&content)
        await Self.checkKeys(&content)
        let problems = content.problems
        for problem in problems { Console.print("\(problem)") }
        if !problems.isEmpty { throw ExitStatus.failure }
        Console.print("\(path) is valid.")
    }

    /// Reports environment variables with keys that are not set. A server with this file and this environment refuses to start.
    private static func checkVariables(_ file: inout ConfigurationFile) {
        guard file.problems.isEmpty else { return }
        for table in file.upstreams {
            guard case .variable(let name)? = table.key, !ProcessConfiguration.hasKey(in: name) else { continue }
            file.add(missing(name), at: ["upstream", table.name, "api_key_env"])
        }
        for table in file.keys {
            guard case .variable(let name)? = table.source, !ProcessConfiguration.hasKey(in: name) else { continue }
            file.add(missing(name), at: ["key", table.name, "key_env"])
        }
    }

    private static func missing(_ variable: String) -> String {
        "the environment variable \(variable) is not set to a key here. A server needs it to start."
    }

    /// Reports keys whose names keys of the data directory have. A server accepts both.
    private static func checkKeys(_ file: inout ConfigurationFile) async {
        guard file.problems.isEmpty, !file.keys.isEmpty else { return }
        let environment = Environment(own: ProcessConfiguration.environment, file: file)
        for name in await ConfiguredKeys.sharedNames(file.keys, with: KeyBook(directory: environment.directories.data)) {
            file.add("the data directory has another key with this name. Choose another name, or revoke that key by its ID.", at: ["key", name])
        }
    }
}

struct ConfigInitCommand: AsyncParsableCommand, WorksWithoutConfiguration {
    static let configuration = CommandConfiguration(
        commandName: "init", abstract: "Write a configuration file with every setting, commented out.",
        discussion: "An existing file is never overwritten.")

    @OptionGroup var options: ConfigurationOptions

    @Flag(name: .customLong("print"), help: "Write to standard output instead of a file.")
    var prints = false

    @Argument(help: "File to write. Default: the path printed by 'shimmy config path'.")
    var file: String?

    func run() async throws {
        if prints {
            Console.print(ExampleFile.text, terminator: "")
            return
        }
        let path = ConfigurationPlace.absolute(file ?? ProcessConfiguration.shared.path)
        do {
            try FileManager.default.createDirectory(
                atPath: (path as NSString).deletingLastPathComponent, withIntermediateDirectories: true)
            // Only the owner may read it, because it contains API keys.
            guard try write(to: path) else {
                Console.error("\(path) already exists")
                throw ExitStatus.failure
            }
        } catch let error as CocoaError {
            Console.error("\(path) cannot be written: \(error.localizedDescription)")
            throw ExitStatus.failure
        }
        Console.print(path)
    }

    /// Writes the example file. Returns false if a file exists at `path`.
    private func write(to path: String) throws -> Bool {
        let descriptor = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o600)
        if descriptor < 0, errno == EEXIST { return false }
        guard descriptor >= 0 else { throw CocoaError(errno == EACCES ? .fileWriteNoPermission : .fileWriteUnknown) }
        let handle = FileHandle(fileDescriptor: descriptor, closeOnDealloc: true)
        do {
            try handle.write(contentsOf: Data(ExampleFile.text.utf8))
            try handle.close()
        } catch {
            unlink(path)
            throw CocoaError(.fileWriteUnknown)
        }
        return true
    }
}

struct ConfigPathCommand: AsyncParsableCommand, WorksWithoutConfiguration {
    static let configuration = CommandConfiguration(
        commandName: "path", abstract: "Print the path of the configuration file in effect.",
        discussion: "If the file does not exist, prints its expected path and exits with code 1.")

    @OptionGroup var options: ConfigurationOptions

    func run() async throws {
        let path = ConfigurationPlace.absolute(ProcessConfiguration.shared.path)
        Console.print(path)
        if !FileManager.default.fileExists(atPath: path) { throw ExitStatus.failure }
    }
}
