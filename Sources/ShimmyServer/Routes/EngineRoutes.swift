import HTTPTypes
import Hummingbird
import ShimmyAccounts
import ShimmyChat
import ShimmyCore
import ShimmyEngine
import ShimmyHub
import ShimmyJSON
import ShimmyModels
import ShimmyService
import ShimmyStorage

/// `GET /v1/engine`, an API of Shimmy: the use of all limits, and the state of each model and its sequences.
struct EngineRoutes: Sendable {
    let service: InferenceService
    let use: ServerUse
    let access: ServerAccess
    let blobs: BlobStore
    /// Returns the use of the directory of cached prefixes; nil if there is none.
    let prefixes: (@Sendable () -> PrefixCacheUse)?
    private let storage = StorageUse()

    init(service: InferenceService, use: ServerUse, access: ServerAccess, blobs: BlobStore, prefixes: (@Sendable () -> PrefixCacheUse)?) {
        self.service = service
        self.use = use
        self.access = access
        self.blobs = blobs
        self.prefixes = prefixes
    }

    private var models: ModelManager { service.models }

    var routes: [Route] {
        [Route(own: .get, "/engine", .read, access: .admin) { _, _ in .json(await state()) }]
    }

    /// - isDetailed: whether to add the last steps and the runs of cells, for those who watch the engine.
    func state(isDetailed: Bool = false) async -> JSON {
        let memory = models.memory
        return [
            "server": await server(),
            "object": "list", "memory": ["budget": .int(memory.budget), "used": .int(memory.used)],
            // Requests that wait for a model to load, or for memory.
            "waiting": .int(models.waitingCount), "waiting_limit": .int(models.waitingLimit),
            "data": .array(models.statuses.map { model($0, isDetailed: isDetailed) }),
        ]
    }

    /// Returns the usage of the server's limits.
    private func server() async -> JSON {
        guard var members = use.json.objectValue else { return .null }
        let workers = WorkerPool.input.use
        members["workers"] = ["threads": .int(workers.threads), "running": .int(workers.running), "waiting": .int(workers.waiting)]
        if let store = service.store {
            members["storage"] = ["bytes": (try? await store.usedBytes()).map(JSON.int) ?? .null, "limit": .int(store.limits.bytes)]
        }
        if let cache = prefixes?() { members["prefix_cache"] = ["bytes": cache.bytes.map(JSON.int) ?? .null, "limit": .int(cache.limit)] }
        members["uploads"] = ["running": .int(blobs.runningUploads), "limit": .int(BlobStore.mostUploads)]
        let names = await models.nameCounts()
        members["names"] = ["aliases": .int(names.aliases), "created_models": .int(names.created), "limit": .int(AliasFile.mostNames)]
        let background = service.background?.use
        if let background {
            members["background"] = [
                "running": .int(background.running), "running_limit": .int(background.runningLimit),
                "waiting": .int(background.waitingByOwner.values.reduce(0, +)), "owner_limit": .int(background.ownerLimit),
            ]
        }
        var owners = OwnerTable()
        owners.add(use.connectionsByClient, \.connections)
        owners.add(background?.waitingByOwner ?? [:], \.background)
        for status in models.statuses { owners.add(status.backend?.engine.statistics.sequencesByOwner ?? [:], \.sequences) }
        if let store = service.store { owners.add(await storage.byOwner(store), \.storageBytes) }
        members["owners"] = owners.json { access.key(ofStorage: $0)?.name }
        return .object(members)
    }

    private func model(_ status: ModelStatus, isDetailed: Bool) -> JSON {
        var devices = JSONObject()
        for (device, bytes) in status.memory.devices.sorted(by: { $0.key < $1.key }) { devices[device] = .int(bytes) }
        var object: JSONObject = [
            "model": .string(status.id), "state": .string(status.stage.rawValue), "progress": .double(status.progress),
            "memory": [
                "weights": .int(status.memory.weights), "kv": .int(status.memory.cache), "compute": .int(status.memory.compute),
                "grammars": .int(status.memory.grammars), "grammars_limit": .int(ConstraintCompiler.mostBytes),
                "devices": .object(devices),
            ],
            "context_length": status.backend.map { .int($0.contextLength) } ?? .null, "users": .int(status.users), "pinned": .bool(status.isPinned),
            "expires_at": status.expiresIn.map { .int(UnixTime.now + Int(min($0, 1e9).rounded(.up))) } ?? .null,
        ]
        if let statistics = status.backend?.engine.statistics {
            for (key, value) in engine(statistics) { object[key] = value }
            if let age = statistics.age { object["age_seconds"] = .double((age * 1000).rounded() / 1000) }
            if isDetailed { for (key, value) in details(statistics) { object[key] = value } }
        }
        return .object(object)
    }

    private func engine(_ statistics: EngineStatistics) -> JSONObject {
        let counters = statistics.counters
        return [
            "running": .int(statistics.running),
            "running_limit": .int(statistics.runningLimit),
            "waiting": .int(statistics.waiting),
            "queue": [
                "used": .int(statistics.queued), "total": .int(statistics.queueLimit), "owner_limit": .int(statistics.ownerQueueLimit),
            ],
            "slots": ["used": .int(statistics.slotsUsed), "total": .int(statistics.slotsTotal)],
            "cells": ["used": .int(statistics.cellsUsed), "total": .int(statistics.cellsTotal)],
            "steps": [
                "count": .int(statistics.steps), "rows": .int(statistics.tokensComputed), "last_seconds": .double(statistics.stepSeconds),
                // The fraction (0 to 1) of all steps' time that sampling and bookkeeping took, not the model.
                "overhead": .double(statistics.overhead), "seconds": .double(statistics.totalSeconds),
                "model_seconds": .double(statistics.modelSeconds),
            ],
            "prefix_cache": [
                "cached_tokens": .int(counters.cachedPromptTokens), "computed_tokens": .int(counters.promptTokens),
                // Recurrent and hybrid models keep checkpoints; all others share any prefix.
                "reuse": .string(statistics.sharesAnyPrefix ? "any_prefix" : "checkpoints"), "restored_tokens": .int(statistics.restoredTokens),
                "evictions": .int(counters.evictions),
            ],
            "speculation": ["guessed_tokens": .int(counters.draftedTokens), "accepted_tokens": .int(counters.acceptedTokens)],
            "generated_tokens": .int(counters.generatedTokens),
            "pauses": .int(counters.preemptions),
            "faults": faults(statistics.faults),
            "sequences": .array(statistics.sequences.map(sequence)),
        ]
    }

    private func details(_ statistics: EngineStatistics) -> JSONObject {
        [
            "stream_gap": .double(statistics.streamGap),
            "recent_steps": .array(
                statistics.recentSteps.map { step -> JSON in
                    ["prefill_rows": .int(step.prefillRows), "decode_rows": .int(step.decodeRows), "seconds": .double(step.seconds)]
                }),
            "shared_cells": .int(statistics.cellsShared),
            "segments": .array(
                statistics.cellSegments.map { segment -> JSON in
                    [
                        "id": .int(segment.id), "parent": segment.parent.map(JSON.int) ?? .null, "cells": .int(segment.cells),
                        "slots": .int(segment.slots), "running": .int(segment.running), "owners": .array(segment.owners.map(JSON.string)),
                    ]
                }),
        ]
    }

    private func faults(_ faults: EngineFaults) -> JSON {
        [
            "failed_sequences": .int(faults.failedSequences), "failed_runs": .int(faults.failedRuns), "refused_chunks": .int(faults.refusedChunks),
            "inconsistencies": .int(faults.inconsistencies),
        ]
    }

    private func sequence(_ status: SequenceStatus) -> JSON {
        [
            "id": .int(Int(status.id)), "stage": .string(status.stage.rawValue), "slot": status.slot.map(JSON.int) ?? .null,
            "prompt_tokens": .int(status.promptTokens), "cached_tokens": .int(status.cachedPromptTokens),
            "computed_tokens": .int(status.computedTokens), "generated_tokens": .int(status.generatedTokens), "flex": .bool(status.isFlex),
            "owner": .string(status.owner),
        ]
    }
}
