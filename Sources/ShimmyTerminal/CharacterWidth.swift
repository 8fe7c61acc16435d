extension Character {
    /// The number of terminal cells that the character takes: 0, 1 or 2. Control characters are shown in two (`^X`).
    package var cells: Int {
        guard let first = unicodeScalars.first else { return 0 }
        if first.value < 0x20 || first.value == 0x7f { return 2 }
        // U+FE0F selects emoji presentation, which makes the whole character two cells wide.
        if unicodeScalars.contains(where: { $0.value == 0xfe0f }) { return 2 }
        return unicodeScalars.map(Self.cells).max() ?? 0
    }

    private static func cells(_ scalar: Unicode.Scalar) -> Int {
        if scalar.value < 0x300 { return scalar.value == 0xad || !(0x80..<0xa0).contains(scalar.value) ? 1 : 0 }
        switch scalar.properties.generalCategory {
        case .nonspacingMark, .enclosingMark, .format: return 0
        default: break
        }
        if (0x1160...0x11ff).contains(scalar.value) { return 0 }
        return scalar.properties.isEmojiPresentation || isWide(scalar.value) ? 2 : 1
    }

    /// Returns whether a scalar is East Asian Wide or Fullwidth (Unicode Standard Annex 11), by blocks.
    private static func isWide(_ value: UInt32) -> Bool {
        switch value {
        case 0x1100...0x115f, 0x2329...0x232a, 0x2e80...0x303e, 0x3041...0x4dbf, 0x4e00...0xa4cf, 0xa960...0xa97f, 0xac00...0xd7a3,
            0xf900...0xfaff, 0xfe10...0xfe19, 0xfe30...0xfe6f, 0xff00...0xff60, 0xffe0...0xffe6, 0x16fe0...0x18dff, 0x1aff0...0x1b2ff,
            0x1f200...0x1f2ff, 0x20000...0x2fffd, 0x30000...0x3fffd:
            true
        default: false
        }
    }
}

extension StringProtocol {
    package var cells: Int { reduce(0) { $0 + $1.cells } }

    /// Returns the first characters that fit in a number of terminal cells.
    package func prefix(cells: Int) -> String {
        var (prefix, used) = ("", 0)
        for character in self {
            used += character.cells
            if used > cells { break }
            prefix.append(character)
        }
        return prefix
    }
}
