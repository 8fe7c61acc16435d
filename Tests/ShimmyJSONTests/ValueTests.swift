import ShimmyJSON
import Testing

struct ValueTests {
    private let sample: JSON = [
        "null": .null, "yes": true, "int": 42, "decimal": 0.5, "text": "x", "list": [1, "two", [:]], "object": ["a": ["b": .null]],
    ]

    @Test func literalsAreValues() {
        #expect(sample.text == #"{"null":null,"yes":true,"int":42,"decimal":0.5,"text":"x","list":[1,"two",{}],"object":{"a":{"b":null}}}"#)
    }

    @Test func accessorsAreForTheirKind() {
        let values: [JSON] = [.null, true, 42, 0.5, "x", [1], ["a": 1]]
        #expect(values.map(\.isNull) == [true, false, false, false, false, false, false])
        #expect(values.map(\.boolValue) == [nil, true, nil, nil, nil, nil, nil])
        #expect(values.map(\.intValue) == [nil, nil, 42, nil, nil, nil, nil])
        #expect(values.map(\.doubleValue) == [nil, nil, 42, 0.5, nil, nil, nil])
        #expect(values.map(\.stringValue) == [nil, nil, nil, nil, "x", nil, nil])
        #expect(values.map(\.arrayValue) == [nil, nil, nil, nil, nil, [1], nil])
        #expect(values.map(\.objectValue) == [nil, nil, nil, nil, nil, nil, ["a": 1]])
        #expect(values.map(\.kind) == ["null", "a boolean", "an integer", "a decimal", "a string", "an array", "an object"])
    }

    @Test func kindsAreNeverEqual() {
        let values: [JSON] = [.null, false, 0, "", [], [:], "0", "null", [0], ["": 0]]
        for (left, first) in values.enumerated() {
            for (right, second) in values.enumerated() { #expect((first == second) == (left == right)) }
        }
    }

    @Test func subscriptsGiveNilForWhatIsNotThere() {
        #expect(sample["int"] == 42)
        #expect(sample["null"] == .some(.null))
        #expect(sample["absent"] == nil)
        #expect(sample["object"]?["a"]?["b"]?.isNull == true)
        #expect(sample["list"]?[1] == "two")
        #expect(sample["list"]?[3] == nil)
        #expect(sample["list"]?[-1] == nil)
        #expect(sample["list"]?["a"] == nil)
        #expect(sample[0] == nil)
        #expect(sample["text"]?["x"] == nil)
    }
}

struct PathTests {
    @Test func printsAsOpenAIDoes() {
        #expect(JSONPath.root.description == "")
        #expect(JSONPath.root.key("model").description == "model")
        #expect("\(JSONPath.key("messages").index(0).key("content").index(1).key("text"))" == "messages[0].content[1].text")
        #expect(JSONPath.index(2).key("a").description == "[2].a")
        #expect(JSONPath.root.key("a").index(0).index(10).description == "a[0][10]")
    }

    @Test func stepsDoNotChangeThePathTheyStartFrom() {
        let tools = JSONPath.root.key("tools")
        let first = tools.index(0)
        let second = tools.index(1).key("type")
        #expect(tools.description == "tools")
        #expect(first.description == "tools[0]")
        #expect(second.description == "tools[1].type")
    }
}
