package import ShimmyAPI

/// A decoded request with the preset of its model.
package struct PresetRequest<Value: Sendable>: Sendable {
    /// The decoded request, with the preset's fields applied.
    package let value: Value
    package let preset: RequestPreset
    /// The client's fields whose values the preset replaced.
    package let forced: [String]

    package init(value: Value, preset: RequestPreset, forced: [String]) {
        self.value = value
        self.preset = preset
        self.forced = forced
    }

    /// Returns the request with another form of its value.
    package func map<Other: Sendable>(_ transform: (Value) -> Other) -> PresetRequest<Other> {
        PresetRequest<Other>(value: transform(value), preset: preset, forced: forced)
    }
}
