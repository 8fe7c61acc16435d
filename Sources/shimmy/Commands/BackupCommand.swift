import ArgumentParser
import Foundation
import ShimmyAccounts
import ShimmyModels
import ShimmyStorage

struct BackupCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "backup", abstract: "Copy the server's stored objects, keys and usage to a file.",
        discussion: """
            Also works while servers use the storage. The file contains prompts, answers and hashes of keys, so only you can read it. Models, \
            aliases and the configuration are not part of it.
            """)

    @OptionGroup var configuration: ConfigurationOptions

    @Argument(help: "File to write; it must not exist.", completion: .file())
    var file: String

    func run() async throws {
        try StorageCommand.reportingErrors {
            try StorageBackup.save(StorageOptions.directory, with: Self.companions, to: file)
            let size = (try? FileManager.default.attributesOfItem(atPath: file)[.size] as? Int) ?? 0
            Console.print("\(file) has the stored objects, keys and usage: \(Console.size(size)).")
        }
    }

    /// The files of keys and of usage.
    static var companions: [String] {
        [KeyBook.fileName, UsageStore.fileName].map { "\(Environment.process.directories.data)/\($0)" }
    }
}

struct RestoreCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "restore", abstract: "Replace the server's stored objects, keys and usage by those of a backup.",
        discussion: """
            No server may use the storage meanwhile. A backup of an earlier version is converted. Keys and usage that the backup lacks stay as \
            they are. Keys that were revoked after the backup are valid again.
            """)

    @OptionGroup var configuration: ConfigurationOptions

    @Flag(name: .shortAndLong, help: "Do not ask for confirmation.")
    var yes = false

    @Argument(help: "File that 'shimmy backup' wrote.", completion: .file())
    var file: String

    func run() async throws {
        try StorageCommand.reportingErrors {
            if !yes, let current = Self.current {
                guard Confirmation.isPossible else { throw ValidationError("Standard input is not a terminal; pass --yes to replace \(current).") }
                guard Confirmation.yes("Replace \(current) of \(StorageOptions.directory)?", isDefault: false) else { throw ExitStatus.failure }
            }
            try StorageBackup.restore(file, to: StorageOptions.directory, with: BackupCommand.companions)
            Console.print("The stored objects, keys and usage of \(file) are restored.")
        }
    }

    /// The current content in words; nil if there is none.
    private static var current: String? {
        let others = BackupCommand.companions.contains(where: FileManager.default.fileExists(atPath:)) ? "the keys and usage" : nil
        let parts = [stored, others].compactMap { $0 }
        return parts.isEmpty ? nil : parts.joined(separator: " and ")
    }

    /// The current content of the storage in words; nil if it is empty.
    private static var stored: String? {
        do {
            guard let report = try StorageInspection(directory: StorageOptions.directory)?.report() else { return nil }
            let count = report.responses + report.conversations + report.chats
            return count == 0 ? nil : "the \(count) stored objects"
        } catch {
            return "the damaged database"
        }
    }
}
