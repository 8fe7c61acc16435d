/// A folder that contains models, and the rules for their names.
protocol ModelPlace {
    var source: ModelSource { get }
    var path: String { get }
    func records() -> [ModelRecord]
}
