import CLlama

/// Shimmy's own kernels under ggml's CPU backend. They are compiled from `Kernels/`.
package enum CPUKernels {
    package enum Choice: String, Sendable, CaseIterable {
        /// The best kernels that this processor can run; ggml's own if it can run none.
        case auto
        /// ggml's own kernels.
        case off
    }

    /// Installs the kernels for all models loaded afterwards. Call it before the first model is loaded.
    package static func install(_ choice: Choice) {
        shimmy_kernels_install(choice == .auto ? shimmy_kernels_best() : SHIMMY_INSTRUCTIONS_NONE)
    }

    /// The instruction set of the installed kernels; nil if ggml's own kernels are in use.
    package static var instructionSet: String? {
        let installed = shimmy_kernels_installed()
        return installed == SHIMMY_INSTRUCTIONS_NONE ? nil : String(cString: shimmy_kernels_name(installed))
    }

    /// The instruction set that `auto` selects; nil if the processor supports none of the kernels' instruction sets.
    package static var bestInstructionSet: String? {
        let best = shimmy_kernels_best()
        return best == SHIMMY_INSTRUCTIONS_NONE ? nil : String(cString: shimmy_kernels_name(best))
    }

    /// The names of the quantization formats that the kernels multiply, as in GGUF files.
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
