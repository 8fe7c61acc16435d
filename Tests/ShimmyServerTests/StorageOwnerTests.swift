import ShimmyEngine
import ShimmyServer
import Testing

@Suite struct StorageOwnerTests {
    @Test func aKeyIsToldByAPartOfItsHash() {
        // printf abc | sha256sum
        #expect(StorageOwner.ofKey("abc") == "key-ba7816bf8f01cfea414140de5dae2223")
        #expect(StorageOwner.ofKey("abd") != StorageOwner.ofKey("abc"))
        #expect(StorageOwner.ofKey("") != StorageOwner.everybody)
    }

    @Test func whatWasKeptBelongsToTheHolderOfItsKey() {
        let access = ServerConfiguration(access: .init(apiKeys: [APIKey("abc", weight: 2), APIKey("abd")])).access
        let (first, second) = (StorageOwner.ofKey("abc"), StorageOwner.ofKey("abd"))
        #expect(access.owner(ofStorage: first) == Owner(first, weight: 2) && access.owner(ofStorage: second) == Owner(second))
        access.rules.apiKeys.removeFirst()
        #expect(access.owner(ofStorage: first) == Owner(first) && access.owner(ofStorage: second) == Owner(second))
        #expect(access.owner(ofStorage: StorageOwner.everybody) == Owner(StorageOwner.everybody))
    }
}
