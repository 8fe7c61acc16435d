import ShimmyCore
import Testing

@Suite struct KeepAliveTests {
    @Test(
        arguments: [
            ("90", 90), ("90s", 90), ("5m", 300), ("2h", 7200), ("1d", 86400), ("1h30m", 5400), ("500ms", 0.5), ("1.5h", 5400), ("0", 0), ("0s", 0),
            ("+5m", 300),
        ] as [(String, Double)])
    func timesAreRead(text: String, seconds: Double) { #expect(KeepAlive(text) == .seconds(seconds)) }

    @Test(arguments: ["-1", "-1s", "-5m", "-1h30m"]) func negativeOnesAreForEver(text: String) { #expect(KeepAlive(text) == .forever) }

    @Test(arguments: ["12000d", "300000h", "1" + String(repeating: "0", count: 21), String(repeating: "9", count: 60) + "h"])
    func whatNobodyWaitsForIsForEver(text: String) { #expect(KeepAlive(text) == .forever) }

    @Test(arguments: ["", "-", "soon", "5 m", "5x", "m", "5m5", "1e3", "0x10", "nan", "inf", "1..5m", "--5m", "5m-1s", "\u{0665}m"])
    func whatIsNoTimeIsNone(text: String) { #expect(KeepAlive(text) == nil) }

    @Test func numbersAreSeconds() {
        #expect(KeepAlive(seconds: 0) == .seconds(0) && KeepAlive(seconds: 1.5) == .seconds(1.5))
        #expect(KeepAlive(seconds: -1) == .forever && KeepAlive(seconds: .nan) == nil && KeepAlive(seconds: .infinity) == nil)
        #expect(KeepAlive(seconds: 1e9) == .seconds(1e9) && KeepAlive(seconds: 1e21) == .forever)
        #expect(KeepAlive(seconds: .greatestFiniteMagnitude) == .forever)
    }
}
