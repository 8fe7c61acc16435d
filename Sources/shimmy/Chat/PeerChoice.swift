import Foundation
import ShimmyChat
import ShimmyClient
import ShimmyHub
import ShimmyJSON
import ShimmyLlama
import ShimmyModels
import Synchronization

/// Finds who answers for a model: a running server, else this process; and gets the model there when it is missing.
struct PeerChoice {
    let client: ClientOptions
    let options: ModelOptions
    let isLocal: Bool
    let pull: PullConsent

    /// Runs `body` with whom it found, and the model's name there. Ends the program with its documented codes.
    func withPeer(for model: String, _ body: (any ChatPeer, String) async throws -> Void) async throws {
        do {
            // A file on this disk is nothing that a server knows.
            let isFile = ModelCatalog.record(forFile: model) != nil && !client.namesServer
            if !isLocal, !isFile, try await askServer(model, body) { return }
            try await askThisProcess(model, body)
        } catch let error as ClientError {
            Console.error(error.description)
            throw error.exitStatus
        } catch let error as HubError {
            Console.error(error.description)
            throw error.exitStatus
        }
    }

    // MARK: A server

    /// Returns false when there is none, and none was named.
    private func askServer(_ model: String, _ body: (any ChatPeer, String) async throws -> Void) async throws -> Bool {
        try await client.withServer { server in
            guard await server.isThere() else {
                if client.namesServer { throw ClientError.unreachable("\(server.address)", reason: "nobody listens there") }
                return false
            }
            try await body(ServerPeer(client: server), try await name(of: model, at: server))
            return true
        }
    }

    private func name(of model: String, at server: ServerClient) async throws -> String {
        do {
            _ = try await server.get("/v1/models/\(ServerClient.encoded(model))")
            return model
        } catch ClientError.refused(404, let message, let code) {
            guard pull.mayPull(model) else { throw await ClientError.unknown(model, message: message, code: code, at: server) }
            try pull.ask("The server does not have \(model). Pull it there?")
            return try await ServerPull.run(model, at: server)
        }
    }

    // MARK: This process

    private func askThisProcess(_ model: String, _ body: (any ChatPeer, String) async throws -> Void) async throws {
        LlamaBackend.start(logger: options.logger(quiet: true))
        let record = try await find(model)
        let backend = try await options.load(record)
        do {
            try await body(LocalPeer(record: record, backend: backend), record.id)
        } catch {
            await backend.shutdown()
            throw error
        }
        await backend.shutdown()
    }

    private func find(_ model: String) async throws -> ModelRecord {
        guard ModelCatalog.record(forFile: model) == nil, options.catalog().resolve(model) == nil, pull.mayPull(model) else {
            return try options.resolve(model)
        }
        let name = try await HubAccess.standard(memory: MachineMemory.defaultBudget).withPuller { puller in
            let plan = try await puller.plan(try HubAddress(model), memory: MachineMemory.defaultBudget)
            // It may be there under another name than the hub's.
            if !plan.isComplete {
                try pull.ask("\(plan.title) is not on this machine. Pull \(Console.size(plan.totalBytes)) from the hub?")
                let bar = Mutex(ProgressBar("fetching"))
                try await puller.run(plan) { progress in bar.withLock { $0.update(progress.doneBytes, of: progress.totalBytes) } }
            }
            return plan.name(among: options.discovery.scan())
        }
        return try options.resolve(name, byPath: false)
    }
}

/// Whether a missing model may be pulled.
struct PullConsent {
    /// By an option.
    let isGiven: Bool

    /// Whether a name is one that the hub could know, and somebody is there to be asked.
    func mayPull(_ model: String) -> Bool { (try? HubAddress(model)) != nil && (isGiven || Prompt.isPossible) }

    func ask(_ question: String) throws {
        if !isGiven, !Prompt.yes(question, isDefault: true) { throw ExitStatus.modelNotFound }
    }
}

/// A pull that a server does, watched from here.
enum ServerPull {
    /// Returns the model's name.
    static func run(_ model: String, at server: ServerClient) async throws -> String {
        var bar = ProgressBar("fetching")
        var name = model
        try await server.stream("/v1/models/pull", ["model": .string(model)]) { event in
            if let done = event["completed"]?.intValue, let total = event["total"]?.intValue { bar.update(done, of: total) }
            if event["status"] == "success" { name = event["model"]?.stringValue ?? model }
        }
        return name
    }
}
