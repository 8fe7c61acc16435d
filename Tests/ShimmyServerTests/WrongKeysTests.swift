import ShimmyServer
import Testing

/// How wrong keys slow an address down.
@Suite struct WrongKeysTests {
    private let start = ContinuousClock.now

    @Test func anAddressWaitsForTheEndOfItsMinute() {
        let keys = WrongKeys(limit: 2)
        keys.note(from: "203.0.113.1", now: start)
        #expect(keys.wait(of: "203.0.113.1", now: start) == nil)
        keys.note(from: "203.0.113.1", now: start + .seconds(20))
        #expect(keys.wait(of: "203.0.113.1", now: start + .seconds(20)) == 41)
        #expect(keys.wait(of: "203.0.113.2", now: start + .seconds(20)) == nil)
        #expect(keys.wait(of: "203.0.113.1", now: start + .seconds(60)) == nil)
    }

    @Test func aMinuteWithFewMistakesIsForgotten() {
        let keys = WrongKeys(limit: 2)
        keys.note(from: "203.0.113.1", now: start)
        keys.note(from: "203.0.113.1", now: start + .seconds(61))
        #expect(keys.wait(of: "203.0.113.1", now: start + .seconds(61)) == nil)
        keys.note(from: "203.0.113.1", now: start + .seconds(62))
        #expect(keys.wait(of: "203.0.113.1", now: start + .seconds(62)) == 60)
    }

    @Test(arguments: ["127.0.0.1", "127.4.4.4", "::1", "::ffff:127.0.0.1", nil] as [String?]) func thisMachineNeverWaits(address: String?) {
        let keys = WrongKeys(limit: 1)
        keys.note(from: address, now: start)
        #expect(keys.wait(of: address, now: start) == nil)
    }

    @Test func anIPv6ClientIsItsNetwork() {
        let keys = WrongKeys(limit: 1)
        keys.note(from: "2001:db8:1:2::1", now: start)
        #expect(keys.wait(of: "2001:db8:1:2:ffff::9", now: start) != nil)
        #expect(keys.wait(of: "2001:db8:1:3::1", now: start) == nil)
        keys.note(from: "::ffff:203.0.113.9", now: start)
        #expect(keys.wait(of: "203.0.113.9", now: start) != nil)
    }

    @Test func theOldestAddressIsForgottenWhenThereAreTooMany() {
        let keys = WrongKeys(limit: 1, capacity: 2)
        for (index, address) in ["203.0.113.1", "203.0.113.2", "203.0.113.3"].enumerated() {
            keys.note(from: address, now: start + .seconds(index))
        }
        #expect(keys.wait(of: "203.0.113.1", now: start + .seconds(3)) == nil)
        #expect(keys.wait(of: "203.0.113.2", now: start + .seconds(3)) != nil && keys.wait(of: "203.0.113.3", now: start + .seconds(3)) != nil)
    }
}
