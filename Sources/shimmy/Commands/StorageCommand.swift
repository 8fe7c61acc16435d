import ArgumentParser
import Foundation
import ShimmyJSON
import ShimmyStorage

struct StorageCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "storage", abstract: "Show, prune or check the server's stored objects.",
        discussion: "All subcommands also work while servers use the storage.",
        subcommands: [StorageShowCommand.self, StoragePruneCommand.self, StorageCheckCommand.self], defaultSubcommand: StorageShowCommand.self)
}

struct StorageShowCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(commandName: "show", abstract: "Show the number, size and location of stored objects.")

    @OptionGroup var configuration: ConfigurationOptions

    @Flag(help: "Print JSON.")
    var json = false

    func run() async throws {
        try StorageCommand.reportingErrors {
            let inspection = try StorageInspection(directory: StorageOptions.directory)
            let report = try inspection?.report() ?? StorageInspection.Report()
            let path = inspection?.path ?? StorageOptions.directory
            Console.print(json ? Self.json(report, path: path).pretty() : Self.table(report, path: path))
        }
    }

    private static func json(_ report: StorageInspection.Report, path: String) -> JSON {
        [
            "path": .string(path), "responses": .int(report.responses), "conversations": .int(report.conversations),
            "chat_completions": .int(report.chats), "items": .int(report.items), "events": .int(report.events),
            "used_bytes": .int(report.usedBytes), "file_bytes": .int(report.fileBytes), "oldest": report.oldest.map(JSON.int) ?? .null,
            "damaged_files": .array(report.damagedFiles.map(JSON.string)),
        ]
    }

    private static func table(_ report: StorageInspection.Report, path: String) -> String {
        var rows = [
            ["path", path], ["responses", "\(report.responses)"], ["conversations", "\(report.conversations)"],
            ["chat completions", "\(report.chats)"], ["items in them", "\(report.items)"], ["events of streams", "\(report.events)"],
            ["size", "\(Console.size(report.usedBytes)); \(Console.size(report.fileBytes)) on the disk"],
            ["oldest", report.oldest.map { "not touched since \(Date(timeIntervalSince1970: Double($0)).formatted(.iso8601))" } ?? "-"],
        ]
        for name in report.damagedFiles { rows.append(["damaged, set aside", name]) }
        return Console.table(rows)
    }
}

struct StoragePruneCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(commandName: "prune", abstract: "Delete old stored objects, or everything.")

    @OptionGroup var configuration: ConfigurationOptions

    @Option(help: "Delete stored objects untouched for this number of days.")
    var olderThan: Int?

    @Flag(help: "Delete everything, including damaged databases. Needs --yes.")
    var all = false

    @Flag(help: "Confirm the deletion of everything.")
    var yes = false

    private static let mostDays = 36_500

    func validate() throws {
        guard (olderThan != nil) != all else { throw ValidationError("Pass either --older-than DAYS or --all.") }
        if let olderThan, !(0...Self.mostDays).contains(olderThan) {
            throw ValidationError("--older-than must be a number of days from 0 to \(Self.mostDays).")
        }
        if all, !yes { throw ValidationError("--all deletes everything that is stored; confirm it with --yes.") }
    }

    func run() async throws {
        try StorageCommand.reportingErrors {
            let inspection = try StorageInspection(directory: StorageOptions.directory)
            let since = Int(Date().timeIntervalSince1970) - (olderThan ?? 0) * 86_400
            let deleted = try all ? inspection?.removeAll() : inspection?.prune(untouchedSince: since)
            Console.print("deleted \(deleted ?? 0)")
        }
    }
}

struct StorageCheckCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(commandName: "check", abstract: "Check all stored data; exit code 1 if it is damaged.")

    @OptionGroup var configuration: ConfigurationOptions

    func run() async throws {
        try StorageCommand.reportingErrors {
            let problems = try StorageInspection(directory: StorageOptions.directory)?.problems() ?? []
            for problem in problems { Console.error(problem) }
            if !problems.isEmpty { throw ExitStatus.failure }
            Console.print("ok")
        }
    }
}

extension StorageCommand {
    static func reportingErrors(_ work: () throws -> Void) throws {
        do {
            try work()
        } catch let error as StorageError {
            Console.error(error == .damaged ? "the database is damaged; the next start of a server sets it aside" : error.description)
            throw ExitStatus.failure
        }
    }
}
