import CLlama

/// Shimmy's own kernels under ggml's CPU backend: which ones compute, and for what. They are compiled from `Kernels/`.
package enum CPUKernels {
    package enum Choice: String, Sendable, CaseIterable {
        /// The best that this processor can run; ggml's own where there are none.
        case auto
        /// ggml's own.
        case off
    }

    /// Installs them for models that are loaded from now on. Call it before the first one.
    package static func install(_ choice: Choice) {
        shimmy_kernels_install(choice == .auto ? shimmy_kernels_best() : SHIMMY_INSTRUCTIONS_NONE)
    }

    /// The instruction set that is in use; nil when ggml's own kernels are.
    package static var instructionSet: String? {
        let installed = shimmy_kernels_installed()
        return installed == SHIMMY_INSTRUCTIONS_NONE ? nil : String(cString: shimmy_kernels_name(installed))
    }

    /// The instruction set that `auto` would choose; nil when the processor has none that the kernels are written for.
    package static var bestInstructionSet: String? {
        let best = shimmy_kernels_best()
        return best == SHIMMY_INSTRUCTIONS_NONE ? nil : String(cString: shimmy_kernels_name(best))
    }

    /// Names of the formats of weights that they multiply, as GGUF files call them.
    package static var formats: [String] {
        guard var type = shimmy_kernels_formats() else { return [] }
        var names: [String] = []
        while type.pointee != GGML_TYPE_COUNT {
            names.append(String(cString: ggml_type_name(type.pointee)))
            type += 1
        }
        return names
    }
}
