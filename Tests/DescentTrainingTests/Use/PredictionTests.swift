import DescentNN
import DescentTraining
import Foundation
import Testing

/// Runs whose models answer examples, made once.
struct Trained {
  /// Made once for all tests.
  static let shared = Result { try Trained() }

  let files: TemporaryFiles
  /// Three features by name, three classes: the first feature, rounded, is the class.
  let classes: String
  /// Two features without names, and a number: x − 2y.
  let numbers: String
  /// The table that `classes` has learned.
  let table: String

  init() throws {
    files = try TemporaryFiles()
    let rows = (0..<90).map { i in
      let class_ = ["low", "mid, dle", "high"][i % 3]
      return
        "\(Double(i % 3) + Double(i % 7) / 100),\(class_.contains(",") ? "\"\(class_)\"" : class_),\(i % 5),\(i % 4)"
    }
    table = try files.write(
      "size,kind,colour,age\n" + rows.joined(separator: "\n") + "\n", to: "table.csv")
    classes = try Self.train(
      ["data.path=\(table)", "data.label=kind"], to: files.path("classes"))
    let points = (0..<100).map { i -> String in
      let (x, y) = (Double(i % 10) / 2, Double(i / 10) / 4 + 0.125)
      return "\(x),\(y),\(1000 * (x - 2 * y))"
    }
    numbers = try Self.train(
      [
        "data.path=\(files.write(points.joined(separator: "\n"), to: "points.csv"))",
        "data.task=regression",
      ],
      to: files.path("numbers"))
  }

  static func train(_ changes: [String], to folder: String) throws -> String {
    let recipe = try Recipe(
      yaml: """
        steps: 250
        batch: 15
        model: {kind: mlp, hidden: 16}
        data: {kind: csv, path: none}
        optimizer: {name: adamw, lr: 0.02}
        schedule: {name: cosine}
        average: {name: ema, decay: 0.9}
        """, overrides: changes)
    let run = try RunDirectory(new: folder, name: "test")
    _ = try Trainer(recipe).run(in: run, observer: Watcher())
    return folder
  }
}

private let trained = Trained.shared

/// The lines that a run predicts.
private func predict(
  _ run: String, _ input: String, keepsInput: Bool = true
) throws -> [String] {
  var predictions = try Predictions(run, input: input, keepsInput: keepsInput)
  var bytes: [UInt8] = []
  while let piece = try predictions.next() { bytes += piece }
  return String(decoding: bytes, as: UTF8.self).split(separator: "\n").map(String.init)
}

@Suite("Predictions") struct PredictionTests {
  private let files = try! TemporaryFiles()

  struct Input: Sendable, CustomTestStringConvertible {
    let testDescription: String
    let text: String
    let header: String
    var classes = ["low", "\"mid, dle\"", "high"]
  }

  private static let added = "prediction,probability_high,probability_low,\"probability_mid, dle\""

  @Test(
    "columns are found by name, or by place, with answers or without",
    arguments: [
      Input(
        testDescription: "as it was", text: "size,kind,colour,age\n0,?,1,2\n1,,1,2\n2,low,1,2\n",
        header: "size,kind,colour,age"),
      Input(
        testDescription: "without answers, in another order, with others",
        text: "age,name,size,colour\n2,x,0,1\n2,\"y, z\",1.0,1\n2,,2,1\n",
        header: "age,name,size,colour"),
      Input(
        testDescription: "without names or answers", text: "0,1,2\n1,1,2\n2,1,2\n",
        header: "size,colour,age"),
      Input(
        testDescription: "without names, with answers", text: "0,a,1,2\n1,b,1,2\n2,c,1,2",
        header: "size,kind,colour,age"),
      Input(
        testDescription: "a separator at the end of each row",
        text: "size,colour,age,\r\n0,1,2,\r\n1,1,2,\r\n\r\n2,1,2,\r\n", header: "size,colour,age"),
      Input(
        testDescription: "tabs", text: "size\tcolour\tage\n0\t1\t2\n1\t1\t2\n2\t1\t2\n",
        header: "size\tcolour\tage", classes: ["low", "mid, dle", "high"]),
    ])
  func columns(_ input: Input) throws {
    let run = try trained.get().classes
    let lines = try predict(run, files.write(input.text, to: "in.csv"))
    let isTab = input.header.contains("\t")
    let separator: Character = isTab ? "\t" : ","
    let added =
      isTab
      ? "prediction\tprobability_high\tprobability_low\tprobability_mid, dle" : Self.added
    #expect(lines[0] == input.header + String(separator) + added)
    #expect(lines.count == 4)
    for (line, name) in zip(lines.dropFirst(), input.classes) {
      #expect(line.contains("\(separator)\(name)\(separator)"), "\(line)")
      let shares = line.split(separator: separator).suffix(3).compactMap { Double($0) }
      #expect(shares.count == 3 && abs(shares.reduce(0, +) - 1) < 1e-5, "\(line)")
    }
    let alone = try predict(run, files.path("in.csv"), keepsInput: false)
    #expect(alone[0] == added && alone.count == 4)
    #expect(lines[1].hasSuffix(alone[1]))
  }

  @Test("the input's cells stay as they are written") func cells() throws {
    let text = "colour,size,age,note\n 1 , 0.00 ,2,\"a \"\"b\"\",\"\n+1,2e0,2.5,\n"
    let lines = try predict(trained.get().classes, files.write(text, to: "in.csv"))
    #expect(lines[1].hasPrefix("1,0.00,2,\"a \"\"b\"\",\",low,"))
    #expect(lines[2].hasPrefix("+1,2e0,2.5,,high,"))
  }

  @Test(
    "bad rows and missing columns are refused with their place",
    arguments: [
      ("", "expected a table, found an empty file"),
      ("size,age\n1,2\n", "line 1: expected one column “colour”, a feature of the run, found the"),
      (
        "size,age,colour,size\n1,2,3,4\n",
        "line 1: expected one column “size”, a feature of the run, found 2"
      ),
      (
        "size,colour,age\n1,2,3\n1,x,3\n",
        "line 3, column 2: expected a finite number for “colour”, found “x”"
      ),
      ("size,colour,age\n1,2\n", "line 2: expected 3 cells, as in the first row, found 2"),
      (
        "age,colour,size\n1,2,\n",
        "line 2, column 3: expected a finite number for “size”, found an empty"
      ),
      ("1,2,3,4,5\n", "line 1: expected 3 features, or 4 columns with the answer, found 5"),
      ("1,oops,3\n", "line 1, column 2: expected a finite number for “colour”, found “oops”"),
      ("1,2,nan\n", "line 1, column 3: expected a finite number for “age”, found “nan”"),
      ("size,colour,age\n1,2,\"3\n", "line 2, column 3: expected a closing quote"),
      ("a,b,c\n1,2,3\n", "line 1: expected one column “size”"),
      (
        "size,colour,age\n1,2,3\n3e38,-3e38,3e38\n", "found number 2, for which the model's outputs"
      ),
      ("size,colour,age,prediction\n1,2,3,4\n", "found “prediction”; --only-predictions leaves"),
    ])
  func bad(_ text: String, _ part: String) throws {
    let run = try trained.get().classes
    let error = #expect(throws: DataError.self) {
      try predict(run, files.write(text, to: "in.csv"))
    }
    #expect("\(try #require(error))".contains(part), "\(error.map { "\($0)" } ?? "")")
  }

  @Test("numbers are predicted in their unit, and decimal commas are answered alike") func numbers()
    throws
  {
    let run = try trained.get().numbers
    let lines = try predict(run, files.write("2.0,1.0\n4,0.5\n", to: "in.csv"))
    #expect(lines[0] == "column_1,column_2,prediction")
    for (line, expected) in zip(lines.dropFirst(), [0.0, 3000]) {
      let found = try #require(Double(line.split(separator: ",")[2]))
      #expect(abs(found - expected) < 300, "\(line)")
    }
    let commas = try predict(run, files.write("2,0;1,0\n4;0,5\n", to: "in.csv"))
    #expect(commas[2] == "4;0,5;" + lines[2].split(separator: ",")[2].replacing(".", with: ","))
  }

  @Test("what is predicted is what evaluation counts, and both are what a checkpoint gives")
  func agreement() throws {
    let trained = try trained.get()
    let lines = try predict(trained.classes, trained.table)
    let right = lines.dropFirst().filter { line in
      // The class stands in the second column, and then after the other two.
      let cells = line.replacing("\"mid, dle\"", with: "mid").split(separator: ",")
      return cells[1] == cells[4]
    }
    let evaluation = try RunEvaluation(trained.classes, overrides: ["data.path=\(trained.table)"])
    guard case .classes(let report) = evaluation.report else {
      Issue.record("no classes")
      return
    }
    #expect(report.examples == 90 && lines.count == 91)
    #expect(report.accuracy == Double(right.count) / 90)
    #expect(evaluation.step == 250 && evaluation.passedOver.isEmpty)
    let named = try RunEvaluation(
      evaluation.checkpoint, overrides: ["data.path=\(trained.table)"])
    #expect(named.report == evaluation.report)
  }

  @Test("an evaluation of the validation part has the numbers of the last line of the metrics")
  func validation() throws {
    let trained = try trained.get()
    for run in [trained.classes, trained.numbers] {
      let directory = try RunDirectory(existing: run)
      guard case .evaluation(let record) = try directory.entries().last else {
        Issue.record("no evaluation")
        return
      }
      switch try RunEvaluation(run).report {
      case .classes(let report):
        #expect(report.loss == record.loss && report.accuracy == record.accuracy)
        #expect(record.rootMeanSquareError == nil)
      case .numbers(let report):
        #expect(report.loss == record.loss)
        #expect(report.errors.rootMeanSquare == record.rootMeanSquareError)
        #expect(report.errors.meanAbsolute == record.meanAbsoluteError)
        #expect(report.errors.determination == record.determination)
        #expect(record.accuracy == nil && report.errors.determination ?? 0 > 0.9)
      case .text, .agent, .images: Issue.record("no text")
      }
    }
  }

  @Test(
    "tables to evaluate must have known answers in every row",
    arguments: [
      (
        "size,kind,colour,age\n0,low,1,2\n0,lower,1,2\n",
        "line 3, column 2: expected one of the classes “high”, “low”, “mid, dle”, found “lower”"
      ),
      (
        "size,colour,age\n0,1,2\n",
        "line 1: expected one column “kind”, the answers that the run has learned"
      ),
      ("size,kind,colour,age\n", "expected rows below the header, found none"),
      ("0,1,2\n", "line 1: expected 4 columns, 3 features and the answer, found 3"),
      ("size,kind,colour,age\n0,,1,2\n", "line 2, column 2: expected one of the classes"),
    ])
  func badTables(_ text: String, _ part: String) throws {
    let run = try trained.get().classes
    let error = #expect(throws: DataError.self) {
      try RunEvaluation(run, overrides: ["data.path=\(files.write(text, to: "in.csv"))"])
    }
    #expect("\(try #require(error))".contains(part), "\(error.map { "\($0)" } ?? "")")
  }

  @Test("a table whose answers have another name is evaluated by data.label") func label() throws {
    let path = try files.write("size,colour,age,is\n0,1,2,low\n2,1,2,low\n", to: "in.csv")
    let evaluation = try RunEvaluation(
      trained.get().classes, overrides: ["data.label=is", "data.path=\(path)"])
    guard case .classes(let report) = evaluation.report else { return }
    #expect(report.accuracy == 0.5)
  }

  @Test("a first row that may be either is taken as data.header says") func header() throws {
    let path = try files.write("a,b,c,d\n0,low,1,2\n2,high,1,2\n", to: "in.csv")
    let named = "found the columns “a”, “b”, “c”, “d”"
    for (value, part) in [
      ("auto", named), ("true", named),
      ("false", "line 1, column 1: expected a finite number for “size”, found “a”"),
    ] {
      let error = #expect(throws: DataError.self) {
        try RunEvaluation(
          trained.get().classes, overrides: ["data.path=\(path)", "data.header=\(value)"])
      }
      #expect("\(try #require(error))".contains(part), "\(error.map { "\($0)" } ?? "")")
    }
  }

  // MARK: Pieces

  @Test("rows are the same in pieces of any size", arguments: [4, 5, 7, 64, 1 << 20])
  func pieces(_ size: Int) throws {
    let text = "\u{FEFF}\nx,\"a \"\"q\"\",\n\",z\r\n\r\n1, 2 ,\r3,\"4\n\n5\",6\n\n  \n7,8,9"
    let path = try files.write(text, to: "rows.csv")
    for path in [path, try files.pack(files.write(text, to: "packed.csv"))] {
      var whole = CSVReader(path: path, bytes: Array(text.utf8))
      var stream = try CSVStream(DataStream(path), piece: size)
      var (expected, found): ([Range<Int>], [Range<Int>]) = ([], [])
      var rows = 0
      while try whole.next(&expected) {
        rows += 1
        let isThere = try stream.next(&found)
        // What separates cells is seen in the first piece, which has one byte at least.
        #expect(isThere && found.map { stream.reader.text($0) } == expected.map { whole.text($0) })
        #expect(stream.reader.line == whole.line)
      }
      let more = try stream.next(&found)
      #expect(!more && rows == 4)
    }
  }

  @Test("rows that are longer than a piece do not hide what separates cells") func longRows() throws
  {
    let row = (0..<50).map { "\($0),5" }.joined(separator: ";")
    let path = try files.write("\(row)\n\(row)\n", to: "long.csv")
    for size in [16, row.utf8.count + 20] {
      var stream = try CSVStream(DataStream(path), piece: size)
      var (row, rows): ([Range<Int>], [Int]) = ([], [])
      while try stream.next(&row) { rows.append(row.count) }
      #expect(rows == [50, 50])
    }
  }

  @Test("what is wrong with a table is said in pieces as in one") func badPieces() throws {
    for (text, part) in [
      ("a,b\n1,\"2\n", "line 2, column 2: expected a closing quote, found the end of the file"),
      ("a,b\n\n\"1\"x,2\n3,4\n", "line 3, column 1: expected a comma after the closing quote"),
    ] {
      let path = try files.write(text, to: "bad.csv")
      let error = #expect(throws: DataError.self) {
        var stream = try CSVStream(DataStream(path), piece: 4)
        var row: [Range<Int>] = []
        while try stream.next(&row) {}
      }
      #expect("\(try #require(error))".contains(part), "\(error.map { "\($0)" } ?? "")")
    }
  }

  // MARK: Images

  /// A run that has learned 2 × 2 images of bytes: the brighter half is the class.
  private func imageRun() throws -> String {
    let pixels = (0..<40).flatMap { i -> [UInt8] in
      let bright = UInt8(200 + i % 20)
      let dark = UInt8(i % 30)
      return i % 2 == 0 ? [bright, bright, dark, dark] : [dark, dark, bright, bright]
    }
    let images = try files.write(
      [0, 0, 8, 3, 0, 0, 0, 40, 0, 0, 0, 2, 0, 0, 0, 2] + pixels, to: "images")
    let labels = try files.write(
      [0, 0, 8, 1, 0, 0, 0, 40] + (0..<40).map { UInt8($0 % 2) }, to: "labels")
    return try Trained.train(
      ["data.kind=idx", "data.images=\(images)", "data.labels=\(labels)", "average=none"],
      to: files.path("images-run"))
  }

  @Test("images come as IDX files or as rows of pixels, and bad ones are refused") func images()
    throws
  {
    let run = try imageRun()
    let head: [UInt8] = [0, 0, 8, 3, 0, 0, 0, 2, 0, 0, 0, 2, 0, 0, 0, 2]
    let body: [UInt8] = [220, 210, 5, 0, 3, 0, 222, 219]
    let lines = try predict(run, files.write(head + body, to: "two"))
    #expect(lines[0] == "prediction,probability_0,probability_1" && lines.count == 3)
    #expect(lines[1].hasPrefix("0,0.9") && lines[2].hasPrefix("1,"))
    #expect(try predict(run, files.pack(files.write(head + body, to: "packed"))) == lines)
    let rows = "pixel0,pixel1,pixel2,pixel3\n220,210,5,0\n3,0,222,219\n"
    #expect(try predict(run, files.write(rows, to: "rows.csv"), keepsInput: false) == lines)
    // Kaggle's tables have the label first.
    let kaggle = "label,p,p,p,p\n1,220,210,5,0\n1,3,0,222,219\n"
    #expect(try predict(run, files.write(kaggle, to: "rows.csv"), keepsInput: false) == lines)
    let evaluation = try RunEvaluation(
      run,
      overrides: [
        "data.images=\(files.path("two"))",
        "data.labels=\(files.write([0, 0, 8, 1, 0, 0, 0, 2, 0, 0] as [UInt8], to: "known"))",
      ])
    guard case .classes(let report) = evaluation.report else { return }
    #expect(report.accuracy == 0.5 && report.classNames == ["0", "1"])
    for (bytes, part) in [
      (
        head + body.dropLast(), "expected 8 bytes of elements for the dimensions [2, 2, 2], found 7"
      ),
      (head + body + [1], "expected 8 bytes"), (Array(head.prefix(9)), "bytes before the elements"),
      ([0, 0, 8], "the four bytes that begin an IDX file"),
      ([0, 0, 8, 2, 0, 0, 0, 2, 0, 0, 0, 4] + body, "expected examples of shape [1, 2, 2], which"),
      (Array("1,2,3,256\n".utf8), "line 1, column 4: expected a pixel from 0 to 255"),
    ] {
      let error = #expect(throws: DataError.self) {
        try predict(run, files.write(bytes, to: "bad"))
      }
      #expect("\(try #require(error))".contains(part), "\(error.map { "\($0)" } ?? "")")
    }
    // A packed file has no size that is known before its end.
    for (bytes, part) in [
      (head + body.dropLast(), "expected 2 examples, found the end after 1"),
      (head + body + [1], "expected the end after 2 examples, found more bytes"),
    ] {
      let path = try files.pack(files.write(bytes, to: "bad-\(bytes.count)"))
      let error = #expect(throws: DataError.self) { try predict(run, path) }
      #expect("\(try #require(error))".contains(part), "\(error.map { "\($0)" } ?? "")")
    }
  }
}
