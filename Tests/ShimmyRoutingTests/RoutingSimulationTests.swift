import Foundation
import ShimmyRouting
import Testing

/// Compares the router with other ways to choose replicas, in a simulation of agents.
@Suite struct RoutingSimulationTests {
    /// A giant cache has the sum of the capacities. With 1,500,000 tokens per replica, the conversations do not fit into the caches.
    @Test(arguments: [3_000_000, 2_000_000, 1_500_000]) func theRouterKeepsPrefixesAndBalance(capacity: Int) {
        var simulation = RoutingSimulation()
        simulation.capacity = capacity
        var single = RoundRobin(count: 1)
        let giant = simulation.run(&single, isGiant: true)
        var router = RouterPolicy(count: simulation.replicas)
        let routed = simulation.run(&router)
        #expect(routed.hitRate >= 0.95 * giant.hitRate)
        #expect(routed.imbalance <= 1.25)
    }

    @Test func otherPoliciesLosePrefixesOrBalance() {
        let simulation = RoutingSimulation()
        var router = RouterPolicy(count: simulation.replicas)
        let routed = simulation.run(&router)
        var robin = RoundRobin(count: simulation.replicas)
        #expect(simulation.run(&robin).hitRate < 0.6 * routed.hitRate)
        var least = LeastLoaded(count: simulation.replicas)
        #expect(simulation.run(&least).hitRate < 0.6 * routed.hitRate)
        var bySystem = ConsistentHashing(count: simulation.replicas, by: .system)
        let hashedBySystem = simulation.run(&bySystem)
        #expect(hashedBySystem.hitRate < routed.hitRate && hashedBySystem.imbalance > 1.25)
        var byConversation = ConsistentHashing(count: simulation.replicas, by: .conversation)
        let hashed = simulation.run(&byConversation)
        #expect(hashed.imbalance > routed.imbalance && hashed.peak > 1.25 * routed.peak)
    }

    @Test func runsAreReproducible() {
        var simulation = RoutingSimulation()
        simulation.requests = 5000
        var first = RouterPolicy(count: simulation.replicas)
        var second = RouterPolicy(count: simulation.replicas)
        #expect(simulation.run(&first).work == simulation.run(&second).work)
    }

    private static let requests = ProcessInfo.processInfo.environment["ROUTING_REQUESTS"].flatMap { Int($0) }
    private static let replicas = ProcessInfo.processInfo.environment["ROUTING_REPLICAS"].flatMap { Int($0) } ?? 1000

    /// Prints the results of all policies, and the router's own time per request. `make routing` runs it with a million requests.
    @Test(.enabled(if: requests != nil)) func manyReplicas() {
        var simulation = RoutingSimulation()
        simulation.replicas = Self.replicas
        simulation.agents = Self.replicas * 20
        simulation.capacity = 500_000
        simulation.requests = Self.requests ?? 0
        var single = RoundRobin(count: 1)
        print("one giant cache: ", simulation.run(&single, isGiant: true))
        var robin = RoundRobin(count: simulation.replicas)
        print("round robin:     ", simulation.run(&robin))
        var hash = ConsistentHashing(count: simulation.replicas, by: .conversation)
        print("hashing:         ", simulation.run(&hash))
        var least = LeastLoaded(count: simulation.replicas)
        print("least loaded:    ", simulation.run(&least))
        var router = RouterPolicy(count: simulation.replicas)
        print("router:          ", simulation.run(&router))
        let (hashing, routing) = (router.hashing / simulation.requests, router.routing / simulation.requests)
        print("router's time per request: \(hashing) for hashing, \(routing) for the rest; \(router.moves) requests moved to another replica")
        #expect(hashing + routing < .microseconds(50))
    }
}
