/// The state of a server's engines at one time, as `EngineScreen` shows it.
package struct EngineSnapshot: Sendable, Equatable {
    package struct Model: Sendable, Equatable {
        package var name = ""
        /// `loading`, `loaded` or `freeing`.
        package var state = "loaded"
        /// The progress of the load, 0 to 1.
        package var progress: Double?
        /// The memory of the model as text.
        package var memory = ""
        package var (running, waiting) = (0, 0)
        package var runningLimit: Int?
        package var cellsUsed = 0
        /// The number of cells; nil while the model loads.
        package var cellsTotal: Int?
        /// The number of cells that sharing saves.
        package var cellsShared = 0
        /// The number of tokens that the engine generated since the model was loaded.
        package var generated = 0
        /// The target for the time between two tokens of a stream, in seconds.
        package var gap: Double?
        /// The last steps, oldest first.
        package var steps: [Step] = []
        package var sequences: [Sequence] = []

        package init(name: String) { self.name = name }
    }

    package struct Step: Sendable, Equatable {
        package var prefillRows: Int
        package var decodeRows: Int
        package var seconds: Double

        package init(prefillRows: Int, decodeRows: Int, seconds: Double) {
            self.prefillRows = prefillRows
            self.decodeRows = decodeRows
            self.seconds = seconds
        }
    }

    package struct Sequence: Sendable, Equatable {
        package var id: Int
        package var owner: String
        /// `waiting`, `prefill` or `decode`.
        package var stage: String
        package var (prompt, cached, computed, generated) = (0, 0, 0, 0)

        package init(id: Int, owner: String, stage: String) {
            self.id = id
            self.owner = owner
            self.stage = stage
        }
    }

    package struct Upstream: Sendable, Equatable {
        package var name: String
        /// Nil if it is unknown.
        package var isHealthy: Bool?
        package var running: Int

        package init(name: String, isHealthy: Bool?, running: Int) {
            self.name = name
            self.isHealthy = isHealthy
            self.running = running
        }
    }

    /// The server's time in seconds.
    package var time: Double
    /// The server's address.
    package var server = ""
    /// The memory of all models as text.
    package var memory = ""
    /// The number of requests that wait for a model to load, or for memory.
    package var waiting = 0
    package var models: [Model] = []
    package var upstreams: [Upstream] = []
    /// The seconds until the first token of the answers that ended since the last snapshot.
    package var firstTokens: [Double] = []

    package init(time: Double) { self.time = time }
}
