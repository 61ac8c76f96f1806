// swift-tools-version: 6.2
import PackageDescription

let settings: [SwiftSetting] = [
  .strictMemorySafety(),
  .enableUpcomingFeature("ExistentialAny"),
  .enableUpcomingFeature("MemberImportVisibility"),
  .treatAllWarnings(as: .error),
]

let package = Package(
  name: "Descent",
  // Synchronization (atomics and locks) sets these: macOS 15, iOS 18. Spans reach further back.
  platforms: [.macOS(.v15), .iOS(.v18)],
  products: [
    .library(name: "Descent", targets: ["Descent"]),
    .library(name: "Safetensors", targets: ["Safetensors"]),
    .library(name: "DescentTokenizers", targets: ["DescentTokenizers"]),
    .library(name: "DescentNN", targets: ["DescentNN"]),
    .library(name: "DescentTraining", targets: ["DescentTraining"]),
    .library(name: "DescentLab", targets: ["DescentLab"]),
    .executable(name: "descent", targets: ["DescentCommand"]),
  ],
  dependencies: [
    .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.2"),
    .package(url: "https://github.com/jpsim/Yams", from: "6.2.2"),
    .package(url: "https://github.com/LebJe/TOMLKit", from: "0.6.0"),
    .package(url: "https://github.com/swhitty/FlyingFox", from: "0.27.1"),
  ],
  targets: [
    // Loops that Swift cannot compile for a run-time choice of instruction set.
    .target(name: "CDescentKernels"),
    // Threads, matrix products, random numbers: what every module computes with.
    .target(
      name: "DescentCompute", dependencies: ["CDescentKernels"], swiftSettings: settings),
    // Optimizers, schedules, groups, clipping, optimizer state.
    .target(name: "Descent", dependencies: ["DescentCompute"], swiftSettings: settings),
    // Files that somebody names: how they are opened, and how they appear whole.
    .target(name: "DescentFiles", swiftSettings: settings),
    // The safetensors file format.
    .target(name: "Safetensors", dependencies: ["DescentFiles"], swiftSettings: settings),
    // Tokenizers of Hugging Face's tokenizer.json.
    .target(
      name: "DescentTokenizers", dependencies: ["DescentFiles"], swiftSettings: settings),
    // Tensors, the tape, operations with their derivatives, layers, models.
    .target(
      name: "DescentNN",
      dependencies: ["Descent", "DescentCompute", "DescentFiles", "Safetensors"],
      swiftSettings: settings),
    // Data sets, recipes, the trainer, the run directory.
    .target(
      name: "DescentTraining",
      dependencies: [
        "Descent", "DescentCompute", "DescentFiles", "DescentNN", "DescentTokenizers",
        "Safetensors",
        .product(name: "Yams", package: "Yams"),
      ],
      resources: [
        .copy("Resources/digits"), .copy("Resources/recipes"), .copy("Resources/studies"),
        .copy("Resources/text"),
      ],
      swiftSettings: settings),
    // Plots, and what compares and explains.
    .target(
      name: "DescentLab",
      dependencies: [
        "Descent", "DescentCompute", "DescentFiles", "DescentNN", "DescentTraining",
        "Safetensors", .product(name: "TOMLKit", package: "TOMLKit"),
      ],
      swiftSettings: settings),
    // Pages about runs, live, over HTTP.
    .target(
      name: "DescentServe",
      dependencies: [
        "DescentLab", .product(name: "FlyingSocks", package: "FlyingFox"),
      ],
      swiftSettings: settings),
    // The command line; named apart from `Descent` for file systems that ignore case.
    .executableTarget(
      name: "DescentCommand",
      dependencies: [
        "Descent", "DescentCompute", "DescentFiles", "DescentLab", "DescentNN", "DescentServe",
        "DescentTokenizers", "DescentTraining", "Safetensors",
        .product(name: "ArgumentParser", package: "swift-argument-parser"),
      ],
      swiftSettings: settings),

    .testTarget(
      name: "DescentComputeTests", dependencies: ["DescentCompute"], swiftSettings: settings),
    // Counts allocations; in the test executable it takes the place of the C library's.
    .target(name: "CAllocationCounter", path: "Tests/CAllocationCounter"),
    .testTarget(
      name: "DescentTests",
      dependencies: ["CAllocationCounter", "Descent", "DescentCompute", "Safetensors"],
      resources: [.copy("Vectors")], swiftSettings: settings),
    .testTarget(
      name: "SafetensorsTests", dependencies: ["DescentFiles", "Safetensors"],
      swiftSettings: settings),
    .testTarget(
      name: "DescentTokenizersTests", dependencies: ["DescentTokenizers"],
      resources: [.copy("Vectors")], swiftSettings: settings),
    .testTarget(
      name: "DescentNNTests",
      dependencies: ["Descent", "DescentNN", "DescentCompute", "Safetensors"],
      resources: [.copy("Vectors")], swiftSettings: settings),
    .testTarget(
      name: "DescentTrainingTests",
      dependencies: [
        "Descent", "DescentTraining", "DescentNN", "DescentCompute", "DescentTokenizers",
        "Safetensors",
      ],
      resources: [.copy("Vectors")], swiftSettings: settings),
    .testTarget(
      name: "DescentLabTests",
      dependencies: ["Descent", "DescentLab", "DescentTraining", "Safetensors"],
      resources: [.copy("Vectors")], swiftSettings: settings),
    .testTarget(
      name: "DescentServeTests", dependencies: ["DescentLab", "DescentServe"],
      swiftSettings: settings),
    .testTarget(
      name: "DescentCommandTests", dependencies: ["DescentCommand", "Safetensors"],
      swiftSettings: settings),
  ]
)
