import ArgumentParser
import ShimmyConfiguration

/// The options of every command that finds models on the disk.
struct CatalogOptions: ParsableArguments, ModelSearch {
    @OptionGroup var configuration: ConfigurationOptions

    @Option(help: .setting(.modelDir))
    var modelDir: [String] = []

    func validate() throws { try OptionRanges.checkEnvironment() }
}
