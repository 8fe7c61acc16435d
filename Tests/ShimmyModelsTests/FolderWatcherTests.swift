import Foundation
import ShimmyModels
import Testing

/// Each test waits for a file system event. The time limit ends a test whose event is missing.
@Suite(.timeLimit(.minutes(1))) struct FolderWatcherTests {
    private let folder: TemporaryFolder

    init() throws { folder = try TemporaryFolder() }

    private func change(of watcher: FolderWatcher, by change: () throws -> Void) async throws {
        try change()
        for await _ in watcher.changes { return }
    }

    @Test func filesThatComeChangeAndGoAreNoticed() async throws {
        let watcher = FolderWatcher()
        watcher.watch([WatchedFolder(path: folder.path)])
        try await change(of: watcher) { try folder.write("1", to: "model.gguf") }
        try await change(of: watcher) { try folder.write("2", to: "model.gguf") }
        try await change(of: watcher) { try FileManager.default.moveItem(atPath: "\(folder.path)/model.gguf", toPath: "\(folder.path)/other.gguf") }
        try await change(of: watcher) { try FileManager.default.removeItem(atPath: "\(folder.path)/other.gguf") }
    }

    @Test func whatIsNotThereYetIsWaitedForWhereItWillBe() async throws {
        let watcher = FolderWatcher()
        let wanted = WatchedFolder(around: "\(folder.path)/a/b/shimmy.toml")
        #expect(wanted == WatchedFolder(path: folder.path, names: ["a"]))
        watcher.watch([wanted])
        try await change(of: watcher) { try folder.write("", to: "a/other") }
        let nearer = WatchedFolder(around: "\(folder.path)/a/b/shimmy.toml")
        #expect(nearer == WatchedFolder(path: "\(folder.path)/a", names: ["b"]))
        watcher.watch([nearer, WatchedFolder(path: "\(folder.path)/a", names: ["c"])])
        try await change(of: watcher) { try folder.write("", to: "a/c") }
    }

    @Test func onlySomeNamesMatter() {
        let named = WatchedFolder(path: "/", names: ["shimmy.toml"])
        #expect(named.cares(about: "shimmy.toml") && !named.cares(about: "other.toml"))
        let all = WatchedFolder(path: "/")
        #expect(all.cares(about: "model.gguf") && all.cares(about: "latest"))
        #expect(!all.cares(about: ".model.gguf.partial") && !all.cares(about: "model.gguf.part") && !all.cares(about: "x.incomplete"))
    }

    @Test func placesAreWatchedWithAllThatMattersBelow() throws {
        for path in ["m/one.gguf", "m/a/b/two.gguf", "m/.cache/three", "hub/models--u--r/blobs/x", "hub/models--u--r/snapshots/1/x.gguf"] {
            try folder.write("", to: path)
        }
        let home = folder.path
        let discovery = ModelDiscovery(
            directories: Directories.standard(environment: ["SHIMMY_DATA_DIR": "\(home)/none"], home: home), extraDirectories: ["\(home)/m"],
            environment: ["HF_HUB_CACHE": "\(home)/hub"], home: home)
        let watched = Set(discovery.watchedFolders.filter { $0.names == nil }.map { $0.path.dropFirst(home.count + 1) })
        #expect(watched == ["m", "m/a", "m/a/b", "hub", "hub/models--u--r", "hub/models--u--r/snapshots", "hub/models--u--r/snapshots/1"])
        #expect(discovery.watchedFolders.contains(WatchedFolder(path: home, names: ["none"])))
    }
}
