/// A decoder of a terminal's bytes into keys. Escape sequences and characters may arrive in pieces.
package struct KeyDecoder {
    private var pending: [UInt8] = []
    /// The bytes of a bracketed paste received so far; nil outside of one.
    private var pasted: [UInt8]?

    private static let escape: UInt8 = 0x1b
    private static let pasteEnd = Array("\u{1b}[201~".utf8)
    /// The maximum number of bytes of an escape sequence. Terminals do not send longer ones, so they are dropped.
    private static let longestSequence = 32

    package init() {}

    /// Decodes more bytes and returns the complete keys.
    /// - bytes: the bytes read, in order.
    package mutating func push(_ bytes: some Sequence<UInt8>) -> [Key] {
        pending += bytes
        var keys: [Key] = []
        while !pending.isEmpty {
            if pasted != nil {
                guard let key = takePaste() else { break }
                keys.append(key)
                continue
            }
            switch take() {
            case .key(let key): keys.append(key)
            case .nothing: continue
            case .incomplete: return keys
            }
        }
        return keys
    }

    private enum Taken {
        case key(Key)
        /// Bytes without a meaning were dropped.
        case nothing
        /// More bytes are needed.
        case incomplete
    }

    private mutating func take() -> Taken {
        if pending[0] == Self.escape { return takeSequence() }
        if pending[0] < 0x20 || pending[0] == 0x7f { return control(pending.removeFirst()) }
        return takeText()
    }

    private func control(_ byte: UInt8) -> Taken {
        let key: Key? =
            switch byte {
            case 0x01: .home
            case 0x02: .left
            case 0x03: .interrupt
            case 0x04: .endOfFile
            case 0x05: .end
            case 0x06: .right
            case 0x07: .cancel
            case 0x08, 0x7f: .backspace
            case 0x09: .text("\t")
            case 0x0a, 0x0d: .enter
            case 0x0b: .deleteToEnd
            case 0x0c: .clearScreen
            case 0x0e: .down
            case 0x10: .up
            case 0x12: .search
            case 0x15: .deleteToStart
            case 0x17: .deleteWord
            case 0x19: .yank
            case 0x1a: .suspend
            default: nil
            }
        return key.map(Taken.key) ?? .nothing
    }

    // MARK: Text

    /// Takes all complete characters up to the next control byte.
    private mutating func takeText() -> Taken {
        var text = ""
        while let byte = pending.first, byte >= 0x20, byte != 0x7f {
            let length = byte < 0x80 ? 1 : byte < 0xe0 ? 2 : byte < 0xf0 ? 3 : 4
            if pending.count < length {
                if text.isEmpty { return .incomplete }
                break
            }
            if let character = String(validating: pending.prefix(length), as: UTF8.self) {
                text += character
                pending.removeFirst(length)
            } else {
                pending.removeFirst()
            }
        }
        return text.isEmpty ? .nothing : .key(.text(text))
    }

    private mutating func takePaste() -> Key? {
        var all = (pasted ?? []) + pending
        guard let end = all.firstRange(of: Self.pasteEnd) else {
            pasted = all
            pending = []
            return nil
        }
        pending = Array(all[end.upperBound...])
        all.removeSubrange(end.lowerBound...)
        pasted = nil
        // Terminals send a carriage return for each line feed of a paste.
        let text = String(decoding: all, as: UTF8.self).replacing("\r\n", with: "\n").replacing("\r", with: "\n")
        return .paste(text)
    }

    // MARK: Escape sequences

    private mutating func takeSequence() -> Taken {
        guard pending.count > 1 else { return .incomplete }
        switch pending[1] {
        case UInt8(ascii: "["): return takeControlSequence()
        case UInt8(ascii: "O"):
            guard pending.count > 2 else { return .incomplete }
            defer { pending.removeFirst(3) }
            return Self.movement(pending[2], modified: false).map(Taken.key) ?? .nothing
        case let byte:
            pending.removeFirst(2)
            switch byte {
            case UInt8(ascii: "b"): return .key(.wordLeft)
            case UInt8(ascii: "f"): return .key(.wordRight)
            case 0x0d, 0x0a: return .key(.newLine)
            case 0x7f, 0x08: return .key(.deleteWord)
            default: return .nothing
            }
        }
    }

    /// Takes a control sequence, `ESC [ parameters final` (ECMA-48).
    private mutating func takeControlSequence() -> Taken {
        guard let end = pending.dropFirst(2).firstIndex(where: { (0x40...0x7e).contains($0) }) else {
            if pending.count > Self.longestSequence { pending.removeFirst(2) }
            return pending.count > Self.longestSequence ? .nothing : .incomplete
        }
        let parameters = String(decoding: pending[2..<end], as: UTF8.self).split(separator: ";").map { Int($0) ?? 0 }
        let final = pending[end]
        pending.removeFirst(end + 1)
        if final == UInt8(ascii: "~") { return tilde(parameters) }
        return Self.movement(final, modified: parameters.count > 1 && parameters[1] > 1).map(Taken.key) ?? .nothing
    }

    private mutating func tilde(_ parameters: [Int]) -> Taken {
        switch parameters.first {
        case 1, 7: return .key(.home)
        case 3: return .key(parameters.count > 1 ? .deleteWord : .delete)
        case 4, 8: return .key(.end)
        case 200:
            pasted = []
            return .nothing
        default: return .nothing
        }
    }

    /// Returns the key of a cursor sequence; nil if it is unknown.
    /// - final: the last byte of the sequence.
    /// - modified: whether Ctrl or Alt was pressed.
    private static func movement(_ final: UInt8, modified: Bool) -> Key? {
        switch final {
        case UInt8(ascii: "A"): .up
        case UInt8(ascii: "B"): .down
        case UInt8(ascii: "C"): modified ? .wordRight : .right
        case UInt8(ascii: "D"): modified ? .wordLeft : .left
        case UInt8(ascii: "F"): .end
        case UInt8(ascii: "H"): .home
        default: nil
        }
    }
}
