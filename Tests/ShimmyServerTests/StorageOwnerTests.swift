import ShimmyServer
import Testing

@Suite struct StorageOwnerTests {
    @Test func aKeyIsToldByAPartOfItsHash() {
        // printf abc | sha256sum
        #expect(StorageOwner.ofKey("abc") == "key-ba7816bf8f01cfea414140de5dae2223")
        #expect(StorageOwner.ofKey("abd") != StorageOwner.ofKey("abc"))
        #expect(StorageOwner.ofKey("") != StorageOwner.everybody)
    }
}
