import ShimmyEngine
import Testing

/// Admission to a full queue.
@Suite struct QueueAdmissionTests {
    private let busy = Owner("busy")
    private let other = Owner("other")

    @Test func anOwnerThatSendsWithoutEndDoesNotLockTheOthersOut() {
        var queue = QueueAdmission()
        let missing = (0..<20).map { _ in queue.admit(1, of: busy, limit: 10, reserved: 2) }
        #expect(missing == Array(repeating: 0, count: 8) + Array(repeating: 1, count: 12))
        #expect(queue.admit(1, of: other, limit: 10, reserved: 2) == 0)
        #expect(queue.admit(1, of: other, limit: 10, reserved: 2) == 2, "the reserved part is for owners with nothing in the queue")
        #expect(queue.admit(1, of: Owner("third"), limit: 10, reserved: 2) == 0)
        #expect(queue.admit(1, of: Owner("fourth"), limit: 10, reserved: 2) == 1)
    }

    @Test func endedSequencesMakeRoom() {
        var queue = QueueAdmission()
        #expect(queue.admit(4, of: busy, limit: 4, reserved: 1) == 0, "an owner with nothing in the queue may fill it")
        #expect(queue.admit(2, of: other, limit: 4, reserved: 1) == 2)
        queue.release(3, of: busy)
        #expect(queue.admit(2, of: other, limit: 4, reserved: 1) == 0 && !queue.isEmpty)
        queue.release(1, of: busy)
        queue.release(2, of: other)
        #expect(queue.isEmpty && queue.admit(4, of: busy, limit: 4, reserved: 1) == 0)
    }

    @Test func sequencesAreCountedByOwner() {
        var queue = QueueAdmission()
        _ = queue.admit(3, of: busy, limit: 10, reserved: 2)
        _ = queue.admit(1, of: Owner("busy", weight: 2), limit: 10, reserved: 2)
        _ = queue.admit(1, of: other, limit: 10, reserved: 2)
        #expect(queue.byOwner == ["busy": 4, "other": 1], "the weight of a key can change while it has sequences")
        queue.release(1, of: other)
        #expect(queue.byOwner == ["busy": 4])
    }

    @Test func allOrNone() {
        var queue = QueueAdmission()
        #expect(queue.admit(5, of: busy, limit: 4, reserved: 1) == 1 && queue.isEmpty)
    }
}
