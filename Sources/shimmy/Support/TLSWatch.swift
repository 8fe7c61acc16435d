import Foundation
import Logging
import ShimmyCore
import ShimmyModels
import ShimmyServer

/// Reloads the certificate and the key of a running server when their files change. New connections use them; open connections are not affected.
struct TLSWatch: Sendable {
    let identity: TLSIdentity
    let logger: Logger

    /// The number of seconds to wait for a disk.
    private static let patience = 30.0

    /// Runs until its task is cancelled. Programs that renew certificates write several files, so the files are read 500 ms after a change. Files
    /// behind links to other folders can change without a notice, so they are also read every minute.
    func run() async {
        let watcher = FolderWatcher()
        await withDiscardingTaskGroup { group in
            group.addTask {
                await watch(watcher)
                for await _ in watcher.changes {
                    guard (try? await Task.sleep(for: .milliseconds(500))) != nil else { return }
                    await watch(watcher)
                    await reload()
                }
            }
            group.addTask {
                while (try? await Task.sleep(for: .seconds(60))) != nil { await reload() }
            }
        }
    }

    private func watch(_ watcher: FolderWatcher) async {
        let paths = identity.files.paths
        _ = try? await DiskWork.shared.run(patience: Self.patience) { watcher.watch(paths.map(WatchedFolder.init(around:))) }
    }

    private func reload() async {
        do {
            guard try await DiskWork.shared.run(patience: Self.patience, { [identity] in try identity.reload() }) else { return }
            logger.notice(
                "certificate reloaded", metadata: ["file": "\(identity.files.certificate)", "expires": "\(Self.text(identity.expires))"])
            Self.warn(about: identity, logger)
        } catch is CancellationError {
            return
        } catch {
            logger.error("certificate not reloaded; the previous one stays in use", metadata: ["problem": "\(error)"])
        }
    }

    /// Logs the problems that do not keep the server from using the files.
    static func warn(about identity: TLSIdentity, _ logger: Logger) {
        if identity.files.isKeyExposed {
            logger.warning("private key can be read by every user of this machine; run chmod 600", metadata: ["file": "\(identity.files.key)"])
        }
        if Double(identity.expires) < Date.now.timeIntervalSince1970 {
            logger.warning(
                "certificate has expired", metadata: ["file": "\(identity.files.certificate)", "expired": "\(text(identity.expires))"])
        }
    }

    private static func text(_ seconds: Int) -> String { Date(timeIntervalSince1970: Double(seconds)).ISO8601Format() }
}
