import ShimmyJSON
import Testing

struct ObjectTests {
    /// Numbers of members below, at and above the size from which an object has an index.
    private static let sizes = [0, 1, 7, 8, 9, 10, 40]

    private static func object(_ size: Int) -> JSONObject {
        var object = JSONObject()
        for number in 0..<size { object["k\(number)"] = .int(number) }
        return object
    }

    @Test(arguments: sizes)
    func keepsTheOrder(size: Int) {
        let object = Self.object(size)
        #expect(object.count == size)
        #expect(object.isEmpty == (size == 0))
        #expect(object.keys == (0..<size).map { "k\($0)" })
        #expect(object.map(\.value) == (0..<size).map { JSON.int($0) })
        for number in 0..<size { #expect(object["k\(number)"] == .int(number)) }
        #expect(object["k\(size)"] == nil)
    }

    @Test(arguments: sizes.dropFirst())
    func settingKeepsThePlace(size: Int) {
        for number in 0..<size {
            var object = Self.object(size)
            object["k\(number)"] = "new"
            #expect(object.keys == Self.object(size).keys)
            #expect(object["k\(number)"] == "new")
        }
    }

    @Test(arguments: sizes.dropFirst())
    func removingClosesTheGap(size: Int) {
        for number in 0..<size {
            var object = Self.object(size)
            object["k\(number)"] = nil
            object["absent"] = nil
            #expect(object.keys == (0..<size).filter { $0 != number }.map { "k\($0)" })
            #expect(object["k\(number)"] == nil)
            for other in 0..<size where other != number { #expect(object["k\(other)"] == .int(other)) }
            object["k\(number)"] = "back"
            #expect(object.keys.last == "k\(number)")
            #expect(object["k\(number)"] == "back")
        }
    }

    @Test func nullIsAValue() {
        var object: JSONObject = ["a": 1]
        object["a"] = .null
        #expect(object.count == 1)
        #expect(object["a"] == .some(.null))
        object["a"] = nil
        #expect(object.isEmpty)
    }

    @Test(arguments: sizes)
    func equalWhateverTheOrder(size: Int) {
        let object = Self.object(size)
        var other = JSONObject()
        for member in Array(object).reversed() { other[member.key] = member.value }
        #expect(object == other)
        #expect(JSON.object(object) == JSON.object(other))
        if size > 1 { #expect(object.keys != other.keys) }
        other["more"] = 1
        #expect(object != other)
        if size > 0 {
            other["k0"] = nil
            #expect(object != other)  // The same count, but another key.
            var changed = object
            changed["k0"] = "changed"
            #expect(object != changed)
        }
    }

    @Test(arguments: [
        (#"{"a":1,"b":2,"a":3}"#, #"{"a":3,"b":2}"#),
        (#"{"a":1,"\u0061":null}"#, #"{"a":null}"#),
        (
            #"{"0":0,"1":0,"2":0,"3":0,"4":0,"5":0,"6":0,"7":0,"8":0,"9":0,"3":1,"9":2}"#,
            #"{"0":0,"1":0,"2":0,"3":1,"4":0,"5":0,"6":0,"7":0,"8":0,"9":2}"#
        ),
    ])
    func lastDuplicateWinsAtTheFirstPlace(text: String, written: String) throws {
        #expect(try JSON.parse(text).text == written)
    }

    @Test func literalsWithDuplicatesDoNotTrap() {
        let object: JSONObject = ["a": 1, "b": 2, "a": 3]
        #expect(object.keys == ["a", "b"])
        #expect(object["a"] == 3)
    }

    /// Keys that Swift's `String` considers equal stay distinct.
    @Test(arguments: [0, 20])
    func keysAreComparedByBytes(others: Int) throws {
        var object = Self.object(others)
        object["é"] = 1
        object["e\u{301}"] = 2
        #expect(object.count == others + 2)
        #expect(object["é"] == 1)
        #expect(object["e\u{301}"] == 2)
        #expect(try JSON.parse(JSON.object(object).text).objectValue?.count == others + 2)
    }

    @Test func copiesAreIndependent() {
        let original = Self.object(20)
        var copy = original
        copy["k3"] = nil
        copy["x"] = 1
        #expect(original.count == 20)
        #expect(original["k3"] == 3)
        #expect(original["x"] == nil)
    }

    /// Many keys take linear time in total. A linear search per key would take minutes.
    @Test(.timeLimit(.minutes(1))) func manyKeysAreLinear() throws {
        let count = 100_000
        let text = "{" + (0..<count).map { "\"key\($0)\":\($0)" }.joined(separator: ",") + "}"
        let object = try #require(try JSON.parse(text).objectValue)
        #expect(object.count == count)
        #expect(object["key0"] == 0)
        #expect(object["key99999"] == 99_999)
        #expect(object["key100000"] == nil)
        #expect(JSON.object(object).text == text)
        #expect(object == (try JSON.parse(text).objectValue))
    }

    @Test func aRepeatedKeyIsOneMember() throws {
        let text = "{" + (0..<100_000).map { "\"a\":\($0)" }.joined(separator: ",") + "}"
        #expect(try JSON.parse(text) == ["a": 99_999])
    }
}
