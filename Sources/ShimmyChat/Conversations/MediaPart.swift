import ShimmyCore

/// The kinds of media that a message can contain beside text.
package struct MediaKinds: OptionSet, Sendable {
    package let rawValue: UInt8

    package init(rawValue: UInt8) { self.rawValue = rawValue }

    package static let image = MediaKinds(rawValue: 1)
    package static let audio = MediaKinds(rawValue: 2)
    package static let all: MediaKinds = [.image, .audio]
    /// No media: the models of this server read only text.
    package static let none: MediaKinds = []
}

/// An image or a recording in a message. This server passes it on to the upstream that has the model; it neither decodes nor fetches it.
package struct MediaPart: Sendable, Equatable {
    package enum Source: Sendable, Equatable {
        /// - url: a web address, or a data URL with base64.
        /// - detail: the resolution at which the model sees the image; nil for the upstream's own choice.
        case image(url: String, detail: String?)
        /// - data: the bytes in base64.
        /// - format: the format of the bytes, such as `wav`.
        case audio(data: String, format: String)
    }

    package let source: Source
    /// A hash of the media. It takes the place of the data where only equality with other media matters.
    package let fingerprint: UInt64

    package init(_ source: Source) {
        self.source = source
        let (first, second) =
            switch source {
            case .image(let url, let detail): (url, detail ?? "")
            case .audio(let data, let format): (data, format)
            }
        fingerprint = FNVHash.of(second, after: FNVHash.of(first))
    }

    package var kind: MediaKinds {
        switch source {
        case .image: .image
        case .audio: .audio
        }
    }

    /// The bytes of the address or the data.
    package var size: Int {
        switch source {
        case .image(let url, _): url.utf8.count
        case .audio(let data, _): data.utf8.count
        }
    }

    /// The bytes of a text with about as many tokens.
    package var estimatedBytes: Int { estimatedTokens.saturated(multipliedBy: Self.bytesPerToken) }

    /// An estimate of the tokens that the model computes for it. Only the upstream knows the number.
    package var estimatedTokens: Int {
        switch source {
        case .image: Self.imageTokens
        case .audio(let data, _): max(1, data.utf8.count / Self.audioBytesPerToken)
        }
    }

    /// The bytes of a token of English text.
    private static let bytesPerToken = 4
    /// The tokens of an image of about a million pixels, in common models.
    private static let imageTokens = 1_000
    /// The bytes of a token of compressed speech in base64: models compute about ten tokens a second.
    private static let audioBytesPerToken = 2_000

    /// The media type and the base64 text of an image in a data URL; nil for a web address and for audio.
    package var imageData: (type: String, base64: Substring)? {
        guard case .image(let url, _) = source, let data = DataURL(url) else { return nil }
        return (data.type, data.base64)
    }
}

/// A data URL whose data is in base64: `data:image/png;base64,iVBOR…`. The base64 text is not checked.
package struct DataURL: Sendable {
    /// The media type, in lower case and without parameters.
    package let type: String
    package let base64: Substring

    private static let longestHead = 256

    /// Returns nil for a text of another form.
    package init?(_ url: String) {
        let bytes = url.utf8
        guard Self.isDataURL(url), let comma = bytes.prefix(Self.longestHead).firstIndex(of: UInt8(ascii: ",")) else { return nil }
        let parts = url[bytes.index(bytes.startIndex, offsetBy: 5)..<comma].lowercased().split(separator: ";", omittingEmptySubsequences: false)
        guard parts.count > 1, parts.last == "base64" else { return nil }
        type = String(parts[0])
        base64 = url[bytes.index(after: comma)...]
    }

    package static func isDataURL(_ url: String) -> Bool { url.utf8.prefix(5).elementsEqual("data:".utf8) { $0 | 0x20 == $1 | 0x20 } }
}
