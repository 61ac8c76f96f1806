// swift-tools-version: 6.2
import PackageDescription

// Apart from the package above: `Scripts/fuzz.sh` builds all of it with instrumentation.
let package = Package(
  name: "Fuzz",
  platforms: [.macOS(.v15)],
  dependencies: [.package(name: "Descent", path: "..")],
  targets: [
    // The entry of libFuzzer.
    .target(name: "CFuzzer"),
    .executableTarget(
      name: "Fuzz",
      dependencies: [
        "CFuzzer",
        .product(name: "Descent", package: "Descent"),
        .product(name: "DescentLab", package: "Descent"),
        .product(name: "DescentTokenizers", package: "Descent"),
        .product(name: "DescentTraining", package: "Descent"),
        .product(name: "Safetensors", package: "Descent"),
      ]),
  ]
)
