import Foundation
import ShimmyChat
import ShimmyClient
import ShimmyHub
import ShimmyJSON
import ShimmyLlama
import ShimmyModels
import Synchronization

/// Chooses the peer for a model: a running server if there is one, otherwise this process. Pulls the model if it is missing.
struct PeerChoice {
    let client: ClientOptions
    let options: ModelOptions
    let isLocal: Bool
    let pull: PullConsent

    /// Runs `body` with the chosen peer and the model's name there. Exits with the documented codes on errors.
    func withPeer(for model: String, _ body: (any ChatPeer, String) async throws -> Void) async throws {
        do {
            // A server does not serve a model given by a path on this machine.
            let isFile = ModelCatalog.record(forFile: model) != nil && !client.namesServer
            if !isLocal, !isFile, try await askServer(model, body) { return }
            try await askThisProcess(model, body)
        } catch let error as ClientError {
            Console.error(error.forPeople)
            throw error.exitStatus
        } catch let error as HubError {
            Console.error(error.description)
            throw error.exitStatus
        }
    }

    // MARK: A server

    /// Runs `body` with a server. Returns false if no server answers and the command line names none.
    private func askServer(_ model: String, _ body: (any ChatPeer, String) async throws -> Void) async throws -> Bool {
        try await client.withServer { server in
            guard await server.isThere() else {
                if client.namesServer { throw ClientError.unreachable("\(server.address)", reason: "no response") }
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
        let local = try LocalService(record, options)
        do {
            // The problems of the model are reported before the first question.
            _ = try await local.load()
            try await body(LocalPeer(local: local), record.id)
        } catch {
            await local.shutdown()
            throw error
        }
        await local.shutdown()
    }

    private func find(_ model: String) async throws -> ModelRecord {
        guard ModelCatalog.record(forFile: model) == nil, options.catalog().resolve(model) == nil, pull.mayPull(model) else {
            return try options.resolve(model)
        }
        let name = try await HubAccess.standard(memory: MachineMemory.defaultBudget).withPuller { puller in
            let address = try HubAddress(model)
            let plan = try await HubWait.telling { try await puller.plan(address, memory: MachineMemory.defaultBudget) }
            // The model may exist on this machine under another name than the hub's.
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

/// The user's consent to pull a missing model.
struct PullConsent {
    /// Whether an option gives the consent.
    let isGiven: Bool

    /// Returns whether the name can be a model of the hub, and consent is given or the user can be asked.
    func mayPull(_ model: String) -> Bool { (try? HubAddress(model)) != nil && (isGiven || Confirmation.isPossible) }

    func ask(_ question: String) throws {
        if !isGiven, !Confirmation.yes(question, isDefault: true) { throw ExitStatus.modelNotFound }
    }
}

/// A pull that a server runs and this process displays.
enum ServerPull {
    /// Runs the pull and returns the model's name on the server.
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
