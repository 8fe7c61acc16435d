import ShimmyHTTP
import ShimmyHub
import Synchronization
import Testing

@Suite struct RetryAfterTests {
    /// 06 Nov 1994 08:49:37 GMT, the example of RFC 9110, in seconds since 1970.
    private let moment = 784_111_777

    @Test(arguments: [
        ("0", 0), ("120", 120), (" 7 ", 7), ("-1", nil), ("", nil), ("soon", nil), ("1.5", nil), ("99999999999999999999", nil),
    ])
    func secondsAreRead(text: String, seconds: Int?) { #expect(RetryAfter.seconds(text, now: moment) == seconds) }

    @Test(arguments: [
        "Sun, 06 Nov 1994 08:49:37 GMT", "Sunday, 06-Nov-94 08:49:37 GMT", "Sun Nov  6 08:49:37 1994",
    ])
    func datesAreReadInAllForms(text: String) {
        #expect(HTTPDate.seconds(text) == moment)
        #expect(RetryAfter.seconds(text, now: moment - 30) == 30)
        #expect(RetryAfter.seconds(text, now: moment + 30) == 0)
    }

    @Test(arguments: [
        ("Thu, 01 Jan 1970 00:00:00 GMT", 0), ("Thu, 29 Feb 2024 23:59:59 GMT", 1_709_251_199), ("Fri, 01 Mar 2024 00:00:00 GMT", 1_709_251_200),
        ("Fri, 31 Dec 2100 00:00:00 GMT", 4_133_894_400),
    ])
    func calendarsAreKept(text: String, seconds: Int) {
        #expect(HTTPDate.seconds(text) == seconds)
        #expect(HTTPDate.text(seconds) == text)
    }

    @Test(arguments: [
        "Sun, 06 Nov 1994", "Sun, 06 Nov 1994 08:49:37 CET", "Sun, 32 Nov 1994 08:49:37 GMT", "Sun, 06 Nov 1994 25:49:37 GMT", "a b c d e f",
        "Sun, 06 Now 1994 08:49:37 GMT", "Sun, 06 Nov 1994 08:49 GMT",
    ])
    func whatIsNoDateIsNone(text: String) { #expect(HTTPDate.seconds(text) == nil) }
}

@Suite struct RetryPolicyTests {
    private struct Cut: Error {}

    private final class Attempts: Sendable {
        private let number = Mutex(0)

        var count: Int { number.withLock { $0 } }

        /// Adds 1 to the count.
        @discardableResult
        func next() -> Int {
            number.withLock { number in
                number += 1
                return number
            }
        }
    }

    private var policy: RetryPolicy {
        var policy = RetryPolicy()
        policy.pause = 0
        return policy
    }

    @Test func faultsThatPassAreTriedAgain() async throws {
        let attempts = Attempts()
        let found = try await policy.run("maker/model") { () async throws -> String? in
            switch attempts.next() {
            case 1: throw PassingFault(.rateLimited(retryAfter: 0), wait: 0)
            case 2: throw PassingFault(.interrupted("maker/model", reason: "503"))
            case 3: throw Cut()
            case 4: return nil
            default: return "found"
            }
        }
        #expect(found == "found" && attempts.count == 5)
    }

    @Test func notForEver() async {
        let attempts = Attempts()
        await #expect(throws: HubError.interrupted("maker/model", reason: "the connection was lost")) {
            try await policy.run("maker/model") { () async throws -> String? in
                attempts.next()
                throw Cut()
            }
        }
        #expect(attempts.count == 6)
    }

    @Test func onlyAPartThatIsThereIsKept() {
        #expect(!HubError.interrupted("maker/model", reason: "503").description.contains("kept"))
        #expect(HubError.interrupted("model.gguf", reason: "503", isResumable: true).description.contains("kept"))
    }

    @Test func nobodyWaitsForTooLong() async {
        let attempts = Attempts()
        await #expect(throws: HubError.rateLimited(retryAfter: 121)) {
            try await policy.run("maker/model") { () async throws -> String? in
                attempts.next()
                throw PassingFault(.rateLimited(retryAfter: 121), wait: 121)
            }
        }
        #expect(attempts.count == 1)
    }

    @Test(arguments: [HubError.notFound("maker/model"), .unauthorized("maker/model"), .cannotWrite("/", reason: "full")])
    func whatStaysIsToldAtOnce(error: HubError) async {
        let attempts = Attempts()
        await #expect(throws: error) {
            try await policy.run("maker/model") { () async throws -> String? in
                attempts.next()
                throw error
            }
        }
        #expect(attempts.count == 1)
    }
}
