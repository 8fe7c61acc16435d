import ShimmyCore
import ShimmyEngine
import ShimmyModels
import ShimmyTestSupport
import Testing

/// The pool under random requests, releases, cancellations, and loads that fail or take less memory than estimated.
@Suite struct ModelPoolPropertyTests {
    private struct Model {
        let id: String
        let size: Int
        let isPinned: Bool
    }

    /// A simulation of the pool's environment that checks the invariants after each event.
    private final class World {
        var pool: ModelPool<String>
        var random: SeededGenerator
        let models: [Model]
        let budget: Int
        var now = 0.0
        var lastTicket = 0
        /// Unanswered tickets, with their models.
        var open: [Int: String] = [:]
        /// Tickets that request only a load, not a use of the model.
        var loadOnly: Set<Int> = []
        var users: [String: Int] = [:]
        var loading: Set<String> = []
        var freeing: Set<String> = []
        /// Models that have to be reloaded, or whose load was cancelled.
        var outdated: Set<String> = []
        var evictions = 0
        var refusals = 0

        init(seed: UInt64) {
            random = SeededGenerator(seed: seed)
            budget = 100
            var limits = ModelPool<String>.Limits(budget: 100, models: seed % 3 == 0 ? 4 : nil)
            limits.waiting = 12
            // With even seeds no waiter times out, so that all must be served.
            limits.waitSeconds = seed % 2 == 0 ? 1e9 : 50
            pool = ModelPool(limits: limits)
            var generator = random
            models = (0..<7).map { Model(id: "m\($0)", size: Int.random(in: 5...60, using: &generator), isPinned: $0 == 6) }
        }

        func perform(_ actions: [ModelPool<String>.Action]) {
            for action in actions {
                switch action {
                case .grant(let ticket, let id, _):
                    #expect(open.removeValue(forKey: ticket) == id, "one answer for each request")
                    #expect(!loading.contains(id) && !freeing.contains(id))
                    #expect(!outdated.contains(id), "what is outdated takes no new users")
                    users[id, default: 0] += 1
                case .refuse(let ticket, _):
                    #expect(open.removeValue(forKey: ticket) != nil, "one answer for each request")
                    refusals += 1
                case .load(let id): #expect(loading.insert(id).inserted && !freeing.contains(id))
                case .free(let id, _):
                    #expect(users[id, default: 0] == 0, "a stream never loses its model")
                    let isReplaced = outdated.remove(id) != nil
                    #expect(isReplaced || models.first { $0.id == id }?.isPinned == false, "pinned ones stay")
                    #expect(freeing.insert(id).inserted)
                    evictions += 1
                }
            }
            #expect(pool.usedBytes <= budget, "the budget is never exceeded")
        }

        func request() {
            guard let model = models.randomElement(using: &random) else { return }
            lastTicket += 1
            open[lastTicket] = model.id
            let asked: KeepAlive? = Bool.random(using: &random) ? nil : .seconds(Double.random(in: 0...30, using: &random))
            let onlyLoads = Int.random(in: 0..<4, using: &random) == 0
            if onlyLoads { loadOnly.insert(lastTicket) }
            let terms = ModelPool<String>.Terms(
                memory: MemoryUse(weights: model.size), isPinned: model.isPinned, asked: asked, onlyLoads: onlyLoads)
            perform(pool.request(lastTicket, model.id, terms, now: now))
        }

        func endLoad() {
            guard let id = loading.sorted().randomElement(using: &random), let model = models.first(where: { $0.id == id }) else { return }
            loading.remove(id)
            if Int.random(in: 0..<6, using: &random) == 0 {
                outdated.remove(id)
                perform(pool.didFail(id, .loadFailed(id, reason: "bad"), now: now))
            } else {
                let taken = Int.random(in: max(1, model.size - 4)...model.size, using: &random)
                perform(pool.didLoad(id, id, MemoryUse(weights: taken), now: now))
            }
        }

        func endFreeing() {
            guard let id = freeing.sorted().randomElement(using: &random) else { return }
            freeing.remove(id)
            perform(pool.didFree(id, now: now))
        }

        func release() {
            guard let id = users.filter({ $0.value > 0 }).keys.sorted().randomElement(using: &random) else { return }
            users[id, default: 1] -= 1
            perform(pool.release(id, now: now))
        }

        func giveUp() {
            guard let ticket = open.keys.sorted().randomElement(using: &random) else { return }
            open[ticket] = nil
            perform(pool.cancel(ticket, now: now))
        }

        func retire() {
            guard let id = users.filter({ $0.value > 0 }).keys.sorted().randomElement(using: &random) else { return }
            outdated.insert(id)
            perform(pool.retire(id, now: now))
        }

        func stopLoad() {
            guard let id = loading.sorted().randomElement(using: &random) else { return }
            let isWanted = open.contains { $0.value == id && !loadOnly.contains($0.key) }
            guard case .removed(let actions) = pool.remove(id, now: now) else {
                #expect(isWanted, "a load that nobody else waits for can be stopped")
                return
            }
            #expect(!isWanted)
            outdated.insert(id)
            perform(actions)
        }

        func wait(_ seconds: Double) {
            now += seconds
            perform(pool.advance(now: now))
        }

        func step() {
            switch Int.random(in: 0..<20, using: &random) {
            case 0..<6: request()
            case 6..<10: endLoad()
            case 10..<15: release()
            case 15..<17: endFreeing()
            case 17: giveUp()
            case 18: Bool.random(using: &random) ? retire() : stopLoad()
            default: wait(Double.random(in: 0...2, using: &random))
            }
        }

        /// Releases all users without new requests, after which no request may still wait.
        func comeToRest() {
            for _ in 0..<1000 where !open.isEmpty || !loading.isEmpty || !freeing.isEmpty || users.contains(where: { $0.value > 0 }) {
                endLoad()
                endFreeing()
                release()
                wait(0.1)
            }
        }
    }

    @Test(arguments: Array(1...40) as [UInt64]) func whateverHappensTheRulesHold(seed: UInt64) {
        let world = World(seed: seed)
        for _ in 0..<2000 { world.step() }
        world.comeToRest()
        #expect(world.open.isEmpty, "no waiter is lost")
        #expect(world.evictions > 10)
    }

    /// A waiting request is served within a bounded number of other users' releases, however busy they are.
    @Test(arguments: Array(1...20) as [UInt64]) func nobodyStarves(seed: UInt64) {
        var random = SeededGenerator(seed: seed)
        var limits = ModelPool<String>.Limits(budget: 100)
        limits.waiting = 1000
        limits.waitSeconds = 1e9
        var pool = ModelPool<String>(limits: limits)
        var now = 0.0
        var ticket = 0
        var users: [String] = []
        var arrivals: [Int: Int] = [:]
        var longest = 0

        func perform(_ actions: [ModelPool<String>.Action], round: Int) {
            for action in actions {
                switch action {
                case .grant(let ticket, let id, _):
                    users.append(id)
                    longest = max(longest, round - arrivals[ticket, default: round])
                case .load(let id): perform(pool.didLoad(id, id, MemoryUse(weights: 60), now: now), round: round)
                case .free(let id, _): perform(pool.didFree(id, now: now), round: round)
                case .refuse(let ticket, let error): Issue.record("\(ticket) was refused: \(error)")
                }
            }
        }

        for round in 0..<600 {
            now += 0.5
            // One popular model and three others; only one of the four fits into memory at a time.
            for _ in 0..<2 {
                ticket += 1
                arrivals[ticket] = round
                let id = Int.random(in: 0..<4, using: &random) > 0 ? "popular" : "m\(Int.random(in: 1...3, using: &random))"
                perform(pool.request(ticket, id, .init(memory: MemoryUse(weights: 60)), now: now), round: round)
            }
            perform(pool.advance(now: now), round: round)
            // At most eight streams at a time, which end in the order in which they began.
            while users.count > 8 { perform(pool.release(users.removeFirst(), now: now), round: round) }
            if let first = users.first, Bool.random(using: &random) {
                users.removeFirst()
                perform(pool.release(first, now: now), round: round)
            }
        }
        #expect(longest < 120, "the longest wait was \(longest) rounds")
    }
}
