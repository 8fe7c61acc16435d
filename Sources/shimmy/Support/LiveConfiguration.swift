import Foundation
import Logging
import ShimmyAccounts
import ShimmyConfiguration
import ShimmyCore
import ShimmyModels
import ShimmyServer
import ShimmyUpstreams
import Synchronization

/// Reloads the configuration of a running server when its file changes and on SIGHUP. Running requests are not affected.
struct LiveConfiguration: Sendable {
    let command: ServeCommand
    let server: ServerConfiguration
    let models: ModelManager
    let modelWatch: ModelWatch
    let logger: Logger
    /// The settings with which the server started.
    private let started = Environment.process
    /// The contents of the candidate files before the server listens, because the file may change before `run` watches it.
    private let contentsAtStart = Self.contents()

    init(command: ServeCommand, server: ServerConfiguration, models: ModelManager, modelWatch: ModelWatch, logger: Logger) {
        self.command = command
        self.server = server
        self.models = models
        self.modelWatch = modelWatch
        self.logger = logger
    }

    /// Runs until its task is cancelled.
    func run() async {
        let watcher = FolderWatcher()
        let hangUps = HangUps()
        defer { withExtendedLifetime(hangUps) {} }
        await withDiscardingTaskGroup { [signals = hangUps.signals] group in
            group.addTask { for await _ in signals { await reload() } }
            group.addTask { await followFile(watcher) }
        }
    }

    /// Reloads the file after each change of its contents. Editors write a file in several steps, so the contents are compared 200 ms after a change.
    private func followFile(_ watcher: FolderWatcher) async {
        await watchFolders(watcher)
        var seen = contentsAtStart
        func look() async {
            let now = await contents
            if now != seen { await reload() }
            seen = now
        }
        await look()
        for await _ in watcher.changes {
            guard (try? await Task.sleep(for: .milliseconds(200))) != nil else { return }
            await watchFolders(watcher)
            await look()
        }
    }

    private var watchedFolders: [WatchedFolder] { ProcessConfiguration.shared.candidates.map(WatchedFolder.init(around:)) }

    /// The contents of the candidate configuration files; nil for a missing one. Changes of files that the configuration names, such as the key file,
    /// are not detected: they take effect on SIGHUP.
    private var contents: [[UInt8]?] {
        get async {
            (try? await DiskWork.shared.run(patience: Self.patience) { Self.contents() }) ?? []
        }
    }

    private static func contents() -> [[UInt8]?] { ProcessConfiguration.shared.candidates.map { RegularFile.read($0, limit: largestFile) } }

    private func watchFolders(_ watcher: FolderWatcher) async {
        _ = try? await DiskWork.shared.run(patience: Self.patience) { watcher.watch(watchedFolders) }
    }

    /// The number of seconds to wait for a disk.
    private static let patience = 30.0
    private static let largestFile = 16 << 20

    // MARK: Reloading

    private func reload() async {
        let problems = ProcessConfiguration.shared.reload()
        if !problems.isEmpty {
            for problem in problems { logger.error("configuration problem", metadata: ["problem": "\(problem)"]) }
            logger.error("configuration not reloaded; the previous one stays in effect")
            ConfiguredUpstreams.shared.fleet?.refuse("\(problems[0])")
            return
        }
        Logs.level.withLock { $0 = command.options.level(quiet: false) }
        await takeAccess()
        takeUpstreams()
        await modelWatch.look()
        await Self.logProblems(models, server.access, logger)
        await models.applySettings()
        let now = Environment.process
        // A setting that has its first value again needs no restart.
        let waiting = Settings.all.filter { !$0.isLive && started.given($0) != now.given($0) }.map(\.path)
        if !waiting.isEmpty {
            logger.notice("changed settings need a restart", metadata: ["settings": "\(waiting.joined(separator: ", "))"])
        }
        logger.notice("configuration reloaded", metadata: ["file": "\(ProcessConfiguration.shared.path)"])
    }

    /// Logs the problems of the configuration that depend on the models on the disk and on the keys in the data directory.
    static func logProblems(_ models: ModelManager, _ access: ServerAccess, _ logger: Logger) async {
        await logAliasProblems(models, logger)
        await logKeyProblems(access, logger)
    }

    /// Logs the aliases that do not resolve to a model.
    private static func logAliasProblems(_ models: ModelManager, _ logger: Logger) async {
        for (alias, problem) in await models.aliasProblems().sorted(by: { $0.key < $1.key }) {
            logger.warning("alias does not resolve to a model", metadata: ["alias": "\(alias)", "problem": "\(problem)"])
        }
    }

    /// Logs the names that keys of the configuration file share with keys of the data directory.
    private static func logKeyProblems(_ access: ServerAccess, _ logger: Logger) async {
        guard let book = access.book else { return }
        for name in await ConfiguredKeys.sharedNames(with: book) {
            logger.warning("two keys have the same name: one in the configuration file, one in the data directory", metadata: ["key": "\(name)"])
        }
    }

    private func takeUpstreams() {
        do {
            ConfiguredUpstreams.shared.fleet?.update(try ConfiguredUpstreams.read())
        } catch {
            let reason = ConfiguredUpstreams.reason(error)
            logger.error("upstreams not reloaded", metadata: ["error": "\(reason)"])
            ConfiguredUpstreams.shared.fleet?.refuse(reason)
        }
    }

    private func takeAccess() async {
        do {
            let rules = try command.accessRules()
            guard await command.isSafe(rules, server) else {
                logger.error("access rules not reloaded: without API keys, other machines could use this server")
                return
            }
            let hasKeys = if rules.hasKeys { true } else { await server.access.hasStoredKeys() }
            guard hasKeys || !server.access.rules.hasKeys else {
                logger.warning("API keys removed from the configuration; the server keeps its current keys until a restart")
                return
            }
            server.access.rules = rules
        } catch {
            logger.error("access rules not reloaded", metadata: ["error": "\(error)"])
        }
    }
}
