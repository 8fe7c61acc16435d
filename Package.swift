// swift-tools-version: 6.2
import PackageDescription

let settings: [SwiftSetting] = [
    .swiftLanguageMode(.v6),
    .enableUpcomingFeature("ExistentialAny"),
    .enableUpcomingFeature("MemberImportVisibility"),
    .enableUpcomingFeature("InternalImportsByDefault"),
    .enableUpcomingFeature("NonisolatedNonsendingByDefault"),
]

/// What a static Foundation needs beyond itself; the objects, compiled for a dynamic one, do not name it.
let staticFoundation = [
    "FoundationInternationalization", "FoundationEssentials", "CoreFoundation",
    "_FoundationICU", "_FoundationCollections", "_FoundationCShims", "BlocksRuntime",
]

/// A target of the library's own, with the settings that all of them share.
func target(_ name: String, _ dependencies: [Target.Dependency] = []) -> Target {
    .target(name: name, dependencies: dependencies, swiftSettings: settings)
}

func tests(_ name: String, _ dependencies: [Target.Dependency] = []) -> Target {
    .testTarget(name: name + "Tests", dependencies: [.byName(name: name), "ShimmyTestSupport"] + dependencies, swiftSettings: settings)
}

let package = Package(
    name: "shimmy",
    platforms: [.macOS(.v15)],
    products: [.executable(name: "shimmy", targets: ["shimmy"])],
    dependencies: [
        .package(url: "https://github.com/hummingbird-project/hummingbird", exact: "2.28.1"),
        .package(url: "https://github.com/apple/swift-argument-parser", exact: "1.8.2"),
        .package(url: "https://github.com/apple/swift-log", exact: "1.16.2"),
        .package(url: "https://github.com/apple/swift-nio", exact: "2.101.2"),
        .package(url: "https://github.com/apple/swift-http-types", exact: "1.8.0"),
        .package(url: "https://github.com/apple/swift-nio-extras", exact: "1.35.2"),
        .package(url: "https://github.com/swift-server/swift-service-lifecycle", exact: "2.13.0"),
        .package(url: "https://github.com/swift-server/async-http-client", exact: "1.37.0"),
        .package(url: "https://github.com/apple/swift-crypto", exact: "4.5.2"),
        .package(url: "https://github.com/LebJe/TOMLKit", exact: "0.6.0"),
        .package(url: "https://github.com/groue/GRDB.swift", exact: "7.10.0"),
    ],
    targets: [
        // llama.cpp, built by scripts/build_llama.py.
        .binaryTarget(name: "CLlama", path: "Artifacts/CLlama.artifactbundle"),
        .target(
            name: "CChat", dependencies: ["CLlama"],
            linkerSettings: [
                .linkedLibrary("stdc++", .when(platforms: [.linux])),
                .linkedLibrary("m", .when(platforms: [.linux])),
                .linkedLibrary("c++", .when(platforms: [.macOS])),
            ]),

        target("ShimmyCore"),
        .target(name: "CInflate", linkerSettings: [.linkedLibrary("z")]),
        target("ShimmyJSON"),
        .target(name: "CSampling"),
        target("ShimmyEngine", ["CSampling", "ShimmyCore", .product(name: "Logging", package: "swift-log")]),
        target("ShimmyGrammar", ["ShimmyCore", "ShimmyJSON"]),
        target("ShimmyChat", ["ShimmyCore", "ShimmyJSON", "ShimmyGrammar", "ShimmyEngine", .product(name: "Logging", package: "swift-log")]),
        target(
            "ShimmyLlama",
            ["ShimmyCore", "ShimmyJSON", "ShimmyEngine", "ShimmyChat", "CLlama", "CChat", .product(name: "Logging", package: "swift-log")]),
        target("ShimmyAPI", ["ShimmyCore", "ShimmyJSON", "ShimmyGrammar", "ShimmyChat"]),
        target("ShimmyFormats", ["ShimmyCore", "ShimmyJSON"]),
        target("ShimmyConversion", ["ShimmyCore", "ShimmyJSON", "ShimmyFormats"]),
        target("ShimmyConfiguration", ["ShimmyCore", "ShimmyJSON", .product(name: "TOMLKit", package: "TOMLKit")]),
        target(
            "ShimmyModels",
            ["ShimmyFormats", "ShimmyConversion", "ShimmyCore", "ShimmyJSON", "ShimmyChat", .product(name: "Logging", package: "swift-log")]),
        target(
            "ShimmyHub",
            [
                "ShimmyCore", "ShimmyJSON", "ShimmyFormats", "ShimmyModels",
                .product(name: "AsyncHTTPClient", package: "async-http-client"),
                .product(name: "Crypto", package: "swift-crypto"),
                .product(name: "NIOCore", package: "swift-nio"),
                .product(name: "NIOHTTP1", package: "swift-nio"),
                .product(name: "NIOPosix", package: "swift-nio"),
            ]),
        target("ShimmyTerminal"),
        target(
            "ShimmyClient",
            [
                "ShimmyCore", "ShimmyJSON", .product(name: "AsyncHTTPClient", package: "async-http-client"),
                .product(name: "NIOCore", package: "swift-nio"), .product(name: "NIOHTTP1", package: "swift-nio"),
            ]),
        target(
            "ShimmyStorage",
            ["ShimmyCore", "ShimmyJSON", .product(name: "GRDB", package: "GRDB.swift"), .product(name: "Logging", package: "swift-log")]),
        target(
            "ShimmyService",
            [
                "ShimmyCore", "ShimmyJSON", "ShimmyEngine", "ShimmyChat", "ShimmyAPI", "ShimmyModels", "ShimmyHub", "ShimmyStorage",
                .product(name: "Logging", package: "swift-log"),
            ]),
        target(
            "ShimmyServer",
            [
                "CInflate", "ShimmyCore", "ShimmyJSON", "ShimmyEngine", "ShimmyChat", "ShimmyAPI", "ShimmyModels", "ShimmyHub", "ShimmyStorage",
                "ShimmyService",
                .product(name: "Crypto", package: "swift-crypto"),
                .product(name: "Hummingbird", package: "hummingbird"),
                .product(name: "HummingbirdCore", package: "hummingbird"),
                .product(name: "HTTPTypes", package: "swift-http-types"),
                .product(name: "NIOCore", package: "swift-nio"),
                .product(name: "NIOPosix", package: "swift-nio"),
                .product(name: "NIOHTTP1", package: "swift-nio"),
                .product(name: "NIOHTTPTypes", package: "swift-nio-extras"),
                .product(name: "NIOHTTPTypesHTTP1", package: "swift-nio-extras"),
                .product(name: "Logging", package: "swift-log"),
                .product(name: "ServiceLifecycle", package: "swift-service-lifecycle"),
            ]),
        .executableTarget(
            name: "shimmy",
            dependencies: [
                "ShimmyCore", "ShimmyJSON", "ShimmyGrammar", "ShimmyEngine", "ShimmyChat", "ShimmyLlama", "ShimmyAPI", "ShimmyFormats",
                "ShimmyConversion",
                "ShimmyModels", "ShimmyHub", "ShimmyConfiguration", "ShimmyStorage", "ShimmyService", "ShimmyServer", "ShimmyClient",
                "ShimmyTerminal",
                .product(name: "ArgumentParser", package: "swift-argument-parser"),
                .product(name: "Logging", package: "swift-log"),
                .product(name: "NIOCore", package: "swift-nio"),
                .product(name: "ServiceLifecycle", package: "swift-service-lifecycle"),
            ], swiftSettings: settings,
            linkerSettings: [
                // Everything of Swift goes into the program; tests link the same objects dynamically.
                .unsafeFlags(["-static-stdlib", "-Xlinker", "-s"] + staticFoundation.map { "-l\($0)" }, .when(platforms: [.linux])),
                // Static forms of libraries of the system, where there are any: see scripts/static_libraries.py.
                .unsafeFlags(["-L\(Context.packageDirectory)/Artifacts/static"], .when(platforms: [.linux])),
            ]),

        target(
            "ShimmyTestSupport",
            ["ShimmyCore", "ShimmyJSON", "ShimmyEngine", "ShimmyChat", "ShimmyModels", .product(name: "Logging", package: "swift-log")]),
        tests("ShimmyCore"),
        tests("ShimmyJSON"),
        tests("ShimmyTerminal"),
        tests("ShimmyClient", ["ShimmyJSON"]),
        tests("ShimmyGrammar", ["ShimmyCore", "ShimmyJSON"]),
        tests("ShimmyEngine", ["CSampling", "ShimmyCore", .product(name: "Logging", package: "swift-log")]),
        tests("ShimmyChat", ["ShimmyCore", "ShimmyJSON", "ShimmyEngine", .product(name: "Logging", package: "swift-log")]),
        tests("ShimmyLlama", ["ShimmyCore", "ShimmyJSON", "ShimmyGrammar", "ShimmyEngine", "ShimmyChat", "ShimmyFormats", "ShimmyModels", "CLlama"]),
        tests("ShimmyAPI", ["ShimmyCore", "ShimmyJSON", "ShimmyChat"]),
        tests("ShimmyConversion", ["ShimmyJSON", "ShimmyFormats", "ShimmyModels"]),
        tests("ShimmyConfiguration", ["ShimmyCore", "ShimmyJSON"]),
        tests(
            "ShimmyModels",
            ["ShimmyFormats", "ShimmyCore", "ShimmyJSON", "ShimmyChat", "ShimmyEngine", .product(name: "Logging", package: "swift-log")]),
        tests("ShimmyHub", ["ShimmyJSON"]),
        tests(
            "ShimmyStorage", ["ShimmyJSON", .product(name: "GRDB", package: "GRDB.swift"), .product(name: "Logging", package: "swift-log")]),
        tests(
            "ShimmyService",
            ["ShimmyCore", "ShimmyJSON", "ShimmyEngine", "ShimmyChat", "ShimmyAPI", "ShimmyModels", .product(name: "Logging", package: "swift-log")]),
        tests(
            "ShimmyServer",
            [
                "ShimmyCore", "ShimmyJSON", "ShimmyEngine", "ShimmyChat", "ShimmyAPI", "ShimmyModels", "ShimmyHub", "ShimmyService",
                .product(name: "HTTPTypes", package: "swift-http-types"),
                .product(name: "Hummingbird", package: "hummingbird"),
                .product(name: "HummingbirdTesting", package: "hummingbird"),
                .product(name: "Logging", package: "swift-log"),
            ]),
    ]
)
