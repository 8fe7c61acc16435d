import ArgumentParser
import Foundation
import ShimmyCore
import ShimmyDaemon

/// Carries out the steps of a plan for the service, and prints each of them first.
enum ServiceSteps {
    static func perform(_ plan: ServicePlan, dryRun: Bool) async throws {
        for step in plan.steps {
            show(step)
            if !dryRun { try await perform(step) }
        }
    }

    /// Replaces this process by a command about the installed service.
    /// - files: the files that can define the service, the preferred one first.
    /// - Returns: the exit code to use, if that failed.
    static func become(_ command: [String], ofServiceAt files: [String]) -> ExitCode {
        guard let path = path(of: command[0]) else { return ExitStatus.programNotFound }
        guard files.contains(where: FileManager.default.fileExists(atPath:)) else {
            Console.error("no service is installed: \(files[0]) does not exist")
            return ExitStatus.failure
        }
        let reason = ProgramLauncher.become(path, arguments: command, environment: ProcessConfiguration.environment)
        Console.error("\(path) cannot be started: \(reason)")
        return ExitStatus.failure
    }

    private static func show(_ step: ServicePlan.Step) {
        switch step {
        case .write(let path, let text):
            Console.print("Write \(path):")
            for line in text.split(separator: "\n", omittingEmptySubsequences: false).dropLast() { Console.print(line.isEmpty ? "" : "    \(line)") }
        case .remove(let path): Console.print("Remove \(path)")
        case .run(let command, _): Console.print("Run \(ShellText.command(command))")
        }
    }

    private static func perform(_ step: ServicePlan.Step) async throws {
        switch step {
        case .write(let path, let text): try write(text, to: path)
        case .remove(let path):
            if unlink(path) != 0, errno != ENOENT { try fail("\(path) cannot be removed: \(String(cString: strerror(errno)))") }
        case .run(let command, let mayFail):
            let code = try await status(of: command)
            if code != 0, !mayFail { try fail("'\(ShellText.command(command))' failed with exit code \(code)") }
        }
    }

    private static func write(_ text: String, to path: String) throws {
        do {
            try FileManager.default.createDirectory(atPath: (path as NSString).deletingLastPathComponent, withIntermediateDirectories: true)
            try AtomicFile.replace(path, with: Array(text.utf8), permissions: 0o644)
        } catch let error as AtomicFile.Failure {
            try fail("\(path) cannot be written: \(error)")
        } catch {
            try fail("the directory of \(path) cannot be created: \(error.localizedDescription)")
        }
    }

    /// Runs a command with the output of this process. Returns its exit code.
    private static func status(of command: [String]) async throws -> Int32 {
        guard let path = path(of: command[0]) else { throw ExitStatus.programNotFound }
        let process = Process()
        process.executableURL = URL(fileURLWithPath: path)
        process.arguments = Array(command.dropFirst())
        return try await withCheckedThrowingContinuation { continuation in
            process.terminationHandler = { continuation.resume(returning: $0.terminationStatus) }
            do {
                try process.run()
            } catch {
                continuation.resume(throwing: error)
            }
        }
    }

    private static func path(of program: String) -> String? {
        let path = ProgramLauncher.path(of: program, in: Environment.process.string("PATH"))
        if path == nil { Console.error("\(program) is not installed; the service needs \(ServiceManager.current == .systemd ? "systemd" : "macOS")") }
        return path
    }

    private static func fail(_ message: String) throws -> Never {
        Console.error(message)
        throw ExitStatus.failure
    }
}
