import ShimmyEngine

extension LocalGenerator {
    package func summarizeCells() { engine.summarizeCells() }
}
