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

    @Test func bodiesHaveABoundTogether() {
        let use = use { $0.bodyMemory = 100 }
        #expect(use.reserve(bodyBytes: 60) && !use.reserve(bodyBytes: 41) && use.reserve(bodyBytes: 40) && !use.reserve(bodyBytes: .max))
        use.release(bodyBytes: 60)
        #expect(use.numbers.bodyBytes == 40 && use.reserve(bodyBytes: 60))
    }
}
