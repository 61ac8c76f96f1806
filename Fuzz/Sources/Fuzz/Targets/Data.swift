@testable import DescentTraining
import Foundation

extension FuzzTarget {
  /// Tables. The first byte chooses the column of classes.
  static let csv = FuzzTarget(name: "csv", maximumLength: 1024) {
    [
      "1,2,a\n3,4,b\n", "x,y,label\n1,2.5e3,\"q\"\"uote\"\n-3,.5,b\r\n\n", "1;2;3\n4;5;6\n",
      "\u{FEFF}0,1\n1,0.0\n", "a,b\n1,1\n2,2.0\n",
    ].flatMap { table in (0..<4).map { [$0] + Array(table.utf8) } }
  } read: { input in
    var rest = input
    let labels: [CSV.Column] = [.index(-1), .index(0), .named("label"), .index(1)]
    let label = labels[rest.takeNumber(bytes: 1) % labels.count]
    // Unpacking has a target of its own.
    if rest.starts(with: [0x1F, 0x8B]) { return }
    let path = Scratch.write(rest, to: "in.csv")
    var table = CSVData()
    (table.path, table.label) = (path, label)
    if case .numbers(let split) = try? table.load(seed: 0) {
      precondition(split.training.targets.allSatisfy(\.isFinite))
    }
    check(try CSV.load(path: path, label: label))
  }

  /// Images and labels of MNIST's format: 2 bytes with the length of the labels' file, both files.
  static let idx = FuzzTarget(name: "idx", maximumLength: 1024) {
    let labels: [UInt8] = [0, 0, 8, 1, 0, 0, 0, 2, 0, 1]
    let images: [[UInt8]] = [
      [0, 0, 8, 3, 0, 0, 0, 2, 0, 0, 0, 1, 0, 0, 0, 2, 1, 2, 3, 4],
      [0, 0, 0x0D, 2, 0, 0, 0, 2, 0, 0, 0, 1, 0x3F, 0x80, 0, 0, 0, 0, 0, 0],
      [0, 0, 0x0B, 1, 0, 0, 0, 2, 1, 2, 3, 4],
    ]
    return images.map { [UInt8(labels.count), 0] + labels + $0 }
      + [[0, 0, 0x0C, 1, 0, 0, 0, 2, 0, 0, 0, 3, 0, 0, 0, 1]].map {
        [UInt8($0.count), 0] + $0 + images[0]
      }
  } read: { input in
    var rest = input
    let count = rest.takeNumber(bytes: 2)
    let (labels, images) = (Array(rest.prefix(count)), Array(rest.dropFirst(count)))
    if [labels, images].contains(where: { $0.starts(with: [0x1F, 0x8B]) }) { return }
    check(
      try IDX.load(
        images: Scratch.write(images, to: "images.idx"),
        labels: Scratch.write(labels, to: "labels.idx")))
  }

  /// Packed tables; begins as a packed file does, whatever the input.
  static let gzip = FuzzTarget(name: "gzip", maximumLength: 512) {
    // printf '1,2,a\n3,4,b\n' | gzip -n
    [Data(base64Encoded: "H4sIAAAAAAAAAzPUMdJJ5DLWMdFJ4gIAgvrytwwAAAA=").map { [UInt8]($0) } ?? []]
  } read: { input in
    let bytes = [0x1F, 0x8B] + input.dropFirst(2)
    check(try CSV.load(path: Scratch.write(bytes, to: "in.csv.gz")))
  }

  /// Tables and images for a run that has learned rows of two numbers.
  static let examples = FuzzTarget(name: "examples", maximumLength: 1024) {
    ["1,2\n3,4\n", "a,b\n1,2,0\n", "1,5;2;1\n-3;4,5;0\n\n", "\"1\",\"2\",\r\n3,4,\r\n"].map {
      Array($0.utf8)
    } + [[0, 0, 8, 2, 0, 0, 0, 2, 0, 0, 0, 2, 1, 2, 3, 4]]
  } read: { input in
    if input.starts(with: [0x1F, 0x8B]) { return }
    let path = Scratch.write(input, to: "in")
    let run = try SmallRun.shared.directory.path
    var predictions = try Predictions(run, input: path)
    while let lines = try predictions.next() { precondition(lines.last == 0x0A) }
    _ = try RunEvaluation(run, overrides: ["data.path=\(path)"])
  }

  /// `data.json`.
  static let exampleFormat = FuzzTarget(name: "data-json", maximumLength: 1024) {
    [
      #"{"shape":[2],"features":["a","b"],"mean":[0,1],"deviation":[1],"classes":["x","y"]}"#,
      #"{"shape":[1,2,2],"scale":0.5,"mean":[0],"deviation":[1],"target":{"mean":1,"deviation":2}}"#,
      #"{"shape":[1],"label":{"index":1},"mean":[0],"deviation":[1],"classes":["x"]}"#,
    ].map { Array($0.utf8) }
  } read: { input in
    let run = try SmallRun.shared.directory
    let own = try String(contentsOf: run.dataFormat, encoding: .utf8)
    defer { try? run.write(own, to: run.dataFormat) }
    try run.write(input.text, to: run.dataFormat)
    let format = try ExampleFormat(of: run)
    try format.write(to: run)
    let again = try ExampleFormat(of: run)
    precondition(again == format)
  }

  /// Whatever is taken for data must be fit to train with.
  private static func check(_ data: ClassificationDataset) {
    precondition(data.labels.allSatisfy { 0 <= $0 && Int($0) < data.classes })
    precondition(data.features.allSatisfy(\.isFinite))
  }
}
