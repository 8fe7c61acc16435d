import ArgumentParser
import Logging
import ShimmyConfiguration
import ShimmyServer
import ShimmyService

/// The options about the page for browsers and its content.
struct PageOptions: ParsableArguments {
    @Flag(help: .setting(.noUI))
    var noUi = false

    @Flag(help: .setting(.inspectRequests))
    var inspectRequests = false

    func apply(to configuration: inout ServerConfiguration, _ environment: Environment, _ logger: Logger) {
        configuration.hasPage = !(noUi || environment.flag(.noUI))
        guard inspectRequests || environment.flag(.inspectRequests) else { return }
        configuration.history = RequestHistory(inspects: true)
        logger.warning("requests are inspected: their bodies, prompts and answers stay in memory, and administrators can read them")
    }
}
