import ShimmyJSON
import ShimmyServer
import Testing

/// Limits on concurrent use by clients.
@Suite struct ServerUseTests {
    private func use(_ change: (inout ServerLimits) -> Void) -> ServerUse {
        var limits = ServerLimits()
        change(&limits)
        return ServerUse(limits: limits)
    }

    @Test func connectionsHaveABound() {
        let use = use { $0.connections = 2 }
        #expect(use.openConnection(from: "127.0.0.1") && use.openConnection(from: nil) && !use.openConnection(from: "127.0.0.1"))
        #expect(use.numbers.connections == 2 && use.numbers.refusedConnections == 1)
        use.closeConnection(from: nil)
        #expect(use.openConnection(from: "10.0.0.1"))
    }

    @Test func oneClientDoesNotTakeAllConnections() {
        let use = use { $0.clientConnections = 2 }
        #expect(use.openConnection(from: "10.0.0.1") && use.openConnection(from: "10.0.0.1") && !use.openConnection(from: "10.0.0.1"))
        #expect(use.openConnection(from: "10.0.0.2"))
        use.closeConnection(from: "10.0.0.1")
        #expect(use.openConnection(from: "10.0.0.1"))
    }

    @Test(arguments: ["127.0.0.1", "127.9.9.9", "::1", "::ffff:127.0.0.1"])
    func thisMachineHasTheBoundOfTheServerAlone(address: String) {
        let use = use { $0.clientConnections = 1 }
        #expect(use.openConnection(from: address) && use.openConnection(from: address))
    }

    @Test func connectionsAreCountedByClient() {
        let use = use { $0.clientConnections = 2 }
        for address in ["10.0.0.1", "10.0.0.2", "10.0.0.1", "10.0.0.1", "127.0.0.1"] { _ = use.openConnection(from: address) }
        #expect(use.connectionsByClient == ["10.0.0.1": 2, "10.0.0.2": 1])
        use.closeConnection(from: "10.0.0.2")
        #expect(use.connectionsByClient == ["10.0.0.1": 2])
    }

    @Test func theBusiestOwnersComeFirst() {
        var table = OwnerTable()
        table.add(["10.0.0.1": 3, "10.0.0.2": 1], \.connections)
        table.add(["key_a": 2, "key_b": 1, "idle": 0], \.sequences)
        table.add(["key_b": 1, "key_c": 4], \.background)
        table.add(["key_a": 5, "everybody": .max], \.storageBytes)
        table.add(["everybody": 1], \.storageBytes)
        #expect(table.busiest.map { $0.owner } == ["key_c", "key_a", "key_b", "10.0.0.1", "10.0.0.2", "everybody"])
        #expect(table.busiest[1].use.storageBytes == 5 && table.busiest[5].use.storageBytes == .max)
        let expected: JSON = ["id": "key_c", "name": "ann", "connections": 0, "sequences": 0, "background": 4, "storage_bytes": 0]
        #expect(table.json { $0 == "key_c" ? "ann" : nil }.arrayValue?.first == expected)
    }

    @Test func theNumberOfOwnersIsBounded() {
        var table = OwnerTable()
        table.add(Dictionary(uniqueKeysWithValues: (1...1000).map { ("10.0.0.\($0)", $0) }), \.connections)
        #expect(table.busiest.count == 100 && table.busiest.first?.owner == "10.0.0.1000")
    }

    @Test func bodiesHaveABoundTogether() {
        let use = use { $0.bodyMemory = 100 }
        #expect(use.reserve(bodyBytes: 60) && !use.reserve(bodyBytes: 41) && use.reserve(bodyBytes: 40) && !use.reserve(bodyBytes: .max))
        use.release(bodyBytes: 60)
        #expect(use.numbers.bodyBytes == 40 && use.reserve(bodyBytes: 60))
    }

    @Test func waitingBodiesTakeHalfOfTheMemoryAtMost() {
        let use = use { $0.bodyMemory = 100 }
        #expect(use.reserve(waitingBytes: 30) && !use.reserve(waitingBytes: 21) && use.reserve(waitingBytes: 20))
        use.release(waitingBytes: 30)
        #expect(use.numbers.waitingBytes == 20 && use.numbers.bodyBytes == 0)
    }
}
