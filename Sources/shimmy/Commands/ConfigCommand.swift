import ArgumentParser
import Foundation
import ShimmyConfiguration

struct ConfigCommand: AsyncParsableCommand, WorksWithoutConfiguration {
    static let configuration = CommandConfiguration(
        commandName: "config", abstract: "Look at the configuration file, or begin one.",
        subcommands: [ConfigCheckCommand.self, ConfigShowCommand.self, ConfigInitCommand.self, ConfigPathCommand.self])
}

struct ConfigCheckCommand: AsyncParsableCommand, WorksWithoutConfiguration {
    static let configuration = CommandConfiguration(
        commandName: "check", abstract: "Say everything that is wrong with a configuration file.",
        discussion: "Exits with 0 if it is fine and with 1 if not.")

    @OptionGroup var options: ConfigurationOptions

    @Argument(help: "A file. Default: the one that holds.")
    var file: String?

    func run() async throws {
        let path = file ?? ProcessConfiguration.shared.path
        let problems = ProcessConfiguration.read(path).problems
        for problem in problems { Console.print("\(problem)") }
        if !problems.isEmpty { throw ExitStatus.failure }
        Console.print("\(path) is fine.")
    }
}

struct ConfigInitCommand: AsyncParsableCommand, WorksWithoutConfiguration {
    static let configuration = CommandConfiguration(
        commandName: "init", abstract: "Write a configuration file with every setting, all of them commented out.",
        discussion: "A file that is there is never overwritten.")

    @OptionGroup var options: ConfigurationOptions

    @Flag(name: .customLong("print"), help: "Write to standard output instead.")
    var prints = false

    @Argument(help: "The file. Default: the one that would hold.")
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
                Console.error("\(path) is there already")
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
        commandName: "path", abstract: "Name the configuration file that holds.",
        discussion: "Where there is none, the one that would hold, and the exit code is 1.")

    @OptionGroup var options: ConfigurationOptions

    func run() async throws {
        let path = ConfigurationPlace.absolute(ProcessConfiguration.shared.path)
        Console.print(path)
        if !FileManager.default.fileExists(atPath: path) { throw ExitStatus.failure }
    }
}
