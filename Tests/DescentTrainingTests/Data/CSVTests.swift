import DescentTraining
import Foundation
import Testing

@Suite struct CSVTests {
  let files = try! TemporaryFiles()

  struct Table: Sendable, CustomTestStringConvertible {
    let testDescription: String
    let text: String
    var label = CSV.Column.index(-1)
    var hasHeader: Bool?
    var features: [Float] = [1, 2, 3, 4]
    var labels: [Int32] = [0, 1]
    var names = ["a", "b"]
  }

  @Test(arguments: [
    Table(testDescription: "no header, names last", text: "1,2,a\n3,4,b\n"),
    Table(testDescription: "no line end at the end", text: "1,2,a\n3,4,b"),
    Table(testDescription: "CRLF", text: "1,2,a\r\n3,4,b\r\n"),
    Table(testDescription: "CR alone", text: "1,2,a\r3,4,b\r"),
    Table(
      testDescription: "blank lines, byte order mark", text: "\u{FEFF}\n1,2,a\n\n  \n3,4,b\n\n"),
    Table(testDescription: "spaces and tabs", text: " 1 ,\t2 , a \n3,4,b\n"),
    Table(testDescription: "header found by itself", text: "x,y,class\n1,2,a\n3,4,b\n"),
    Table(
      testDescription: "label by name", text: "class,x,y\na,1,2\nb,3,4\n", label: .named("class")),
    Table(
      testDescription: "quoted name", text: "\"the \"\"class\"\", quoted\",x,y\na,1,2\nb,3,4\n",
      label: .named("the \"class\", quoted")),
    Table(testDescription: "semicolons", text: "1;2;a\n3;4;b\n"),
    Table(testDescription: "semicolons and decimal commas", text: "1,0;2,0;a\n3,0;4,0;b\n"),
    Table(testDescription: "tabs", text: "x\ty\tclass\n1\t2\ta\n3\t4\tb\n"),
    Table(
      testDescription: "semicolons in labels", text: "1,2,a;1\n3,4,b;2\n", names: ["a;1", "b;2"]),
    Table(testDescription: "commas at the ends of rows", text: "1,2,a,\n3,4,b,\n"),
    Table(testDescription: "the same with a header", text: "x,y,class,\n1,2,a,\n3,4,b,\n"),
    Table(testDescription: "names that are equal", text: "x,x,class\n1,2,a\n3,4,b\n"),
    Table(
      testDescription: "classes with spaces", text: "1,2,iris setosa\n3,4, iris virginica \n",
      names: ["iris setosa", "iris virginica"]),
    Table(testDescription: "label by index", text: "1,a,2\n3,b,4\n", label: .index(1)),
    Table(
      testDescription: "quoted cells", text: "\"1\",2,\"a,\n\"\"b\"\"\"\n3,\"4\",b\n",
      names: ["a,\n\"b\"", "b"]),
    Table(
      testDescription: "numbers as header on request", text: "0,1,2\n1,2,a\n3,4,b\n",
      hasHeader: true),
    Table(
      testDescription: "names sorted", text: "1,2,b\n3,4,a\n", labels: [1, 0]),
    Table(
      testDescription: "integers sorted by value", text: "1,2,10\n3,4,9\n", labels: [1, 0],
      names: ["9", "10"]),
    Table(
      testDescription: "numbers of all kinds", text: "-1.5,+2e3,a\n.25,1234567.875,b\n",
      features: [-1.5, 2000, 0.25, 1234567.875]),
    Table(
      testDescription: "small and long numbers", text: "0.0000001,-0,a\n3.14159274101,1E-30,b\n",
      features: [1e-7, 0, .pi, 1e-30]),
  ])
  func `tables are read`(_ table: Table) throws {
    let dataset = try CSV.load(
      path: files.write(table.text, to: "table.csv"), label: table.label,
      hasHeader: table.hasHeader)
    #expect(dataset.features.count == table.features.count)
    for (found, expected) in zip(dataset.features, table.features) {
      #expect(abs(found - expected) <= expected.ulp)
    }
    #expect(dataset.labels == table.labels && dataset.classNames == table.names)
    #expect(dataset.shape == [2] && dataset.classes == 2)
  }

  @Test func `decimal numbers are rounded like the library rounds them`() throws {
    let numbers = (0..<2000).flatMap { i in
      let whole = (i * 7919) % 100_000 - 50_000
      return ["\(whole).\(i % 100)", "\(whole).\((i * 104_729) % 10_000)"]
    }
    let text = numbers.map { "\($0),0\n" }.joined()
    let dataset = try CSV.load(path: files.write(text, to: "decimals.csv"))
    #expect(dataset.features == numbers.map { Float($0)! })
  }

  @Test func `given class names number the classes`() throws {
    let path = try files.write("1,b\n2,b\n", to: "test.csv")
    let dataset = try CSV.load(path: path, classNames: ["a", "b", "c"])
    #expect(dataset.labels == [1, 1] && dataset.classes == 3)
    let error = #expect(throws: DataError.self) { try CSV.load(path: path, classNames: ["a"]) }
    #expect(
      error.map { "\($0)" }
        == "\(path), line 1, column 2: expected one of the classes “a”, found “b”.")
  }

  @Test(
    arguments: [
      ("", nil, "expected a table, found an empty file"),
      ("\n\n  \n", nil, "expected a table, found an empty file"),
      (
        "1\n2\n", nil,
        "line 1: expected at least two columns, separated by commas, semicolons or tabs, found one"
      ),
      ("x,y\n", nil, "expected rows below the header, found none"),
      ("1,2,a\n3,b\n", nil, "line 2: expected 3 cells, as in the first row, found 2"),
      ("1,2,a\n3,4,5,b\n", nil, "line 2: expected 3 cells, as in the first row, found 4"),
      ("1,2,a\n\n3,oops,b\n", nil, "line 3, column 2: expected a finite number, found “oops”"),
      (
        "x,y,c\n1,2,a\n3,,b\n", nil,
        "line 3, column 2: expected a finite number for “y”, found an empty cell"
      ),
      ("1,2,a\n3,0x10,b\n", nil, "line 2, column 2: expected a finite number, found “0x10”"),
      ("1,2,a\n3,4,nan\n", nil, "line 2, column 3: expected a class, found “nan”"),
      ("1,2,0\n3,4,?\n", nil, "line 2, column 3: expected a class, found “?”"),
      ("1,2,0\n3,4,1\n5,6,NA\n", nil, "line 3, column 3: expected a class, found “NA”"),
      (
        "1\t2,5\ta\n3\t4,5\ta\n", nil,
        "line 1, column 2: expected a finite number, found “2,5”; "
          + "data.header=true takes the line as names"
      ),
      (
        String(repeating: "9", count: 100_000) + ",0\n1,1\n", nil,
        "line 1, column 1: expected a finite number, found “\(String(repeating: "9", count: 40))…”; "
          + "data.header=true takes the line as names"
      ),
      ("1,2,a\n3,nan,b\n", nil, "line 2, column 2: expected a finite number, found “nan”"),
      ("1,2,a\n3,inf,b\n", nil, "line 2, column 2: expected a finite number, found “inf”"),
      ("1,2,a\n3,1e99,b\n", nil, "line 2, column 2: expected a finite number, found “1e99”"),
      ("1,2,a\n3,-,b\n", nil, "line 2, column 2: expected a finite number, found “-”"),
      ("1,2,a\n3,1.2.3,b\n", nil, "line 2, column 2: expected a finite number, found “1.2.3”"),
      ("1,2,a\n3,4,\n", nil, "line 2, column 3: expected a class, found an empty cell"),
      (
        "1,\"2\n\n,a\n", nil,
        "line 1, column 2: expected a closing quote, found the end of the file"
      ),
      (
        "1,2,a\n\"3\"4,5,b\n", nil,
        "line 2, column 1: expected a comma after the closing quote, found “4”"
      ),
      (
        "\"a\nb\",2,a\n1,x,b\n", nil,
        "line 3, column 2: expected a finite number for “2”, found “x”"
      ),
      (
        "x,y\n1,a\n", .named("z"),
        "line 1: expected one label column “z”, found the columns “x”, “y”"
      ),
      ("x,x\n1,a\n", .named("x"), "line 1: expected one label column “x”, found 2 of them"),
      ("1,a\n", .index(2), "line 1: expected a label column 2, found only 2 columns"),
      ("1,a\n", .index(-3), "line 1: expected a label column -3, found only 2 columns"),
    ] as [(String, CSV.Column?, String)])
  func `bad tables are refused with their place`(
    _ text: String, _ label: CSV.Column?, _ message: String
  ) throws {
    let path = try files.write(text, to: "bad.csv")
    let error = #expect(throws: DataError.self) {
      try CSV.load(path: path, label: label ?? .index(-1))
    }
    let separator = message.hasPrefix("line") ? ", " : ": "
    #expect(error.map { "\($0)" } == "\(path)\(separator)\(message).")
  }

  // MARK: Headers and classes

  struct First: Sendable, CustomTestStringConvertible {
    let testDescription: String
    let row: String
    /// The labels of the rows below.
    var labels = ["0", "1", "0", "1"]
    /// Whether the row is taken as names; nil where it is refused.
    let isHeader: Bool?

    init(_ row: String, _ isHeader: Bool?, below labels: [String]? = nil) {
      (testDescription, self.row, self.isHeader) = (row, row, isHeader)
      if let labels { self.labels = labels }
    }
  }

  private static let words = ["red", "blue", "red", "blue"]

  @Test(arguments: [
    First("0,1,2", true), First("1,2,3", true), First("0,1,target", true), First("a,b,y", true),
    First("5,6,target", true), First("id,2019,label", true), First(",,target", true),
    First(",0,target", true), First("0,1,1", false), First("5,6,2", false), First("5,6,7", false),
    First("?,1.0,1", nil), First(",1.0,1", nil), First("nan,1.0,1", nil), First("NA,NA,1", nil),
    First("inf,1.0,0", nil), First("1e99,1.0,0", nil), First("oops,1.0,1", nil),
    First("5.1x,1.0,0", nil), First("?,1.0,2", nil), First("0,1,2", true, below: words),
    First("0,1,class", true, below: words), First("a,b,c", true, below: words),
    First("0,1,red", false, below: words),
    First("4,5,green", false, below: words), First("?,5,red", nil, below: words),
    First("x,y,red", nil, below: words),
    First("0,1,2", false, below: ["0", "1", "2", "0"]),
  ])
  func `a first row is taken as names only where it is no example`(_ first: First) throws {
    let rows = first.labels.enumerated().map { "\($0).5,1,\($1)\n" }.joined()
    let path = try files.write(first.row + "\n" + rows, to: "first.csv")
    guard let isHeader = first.isHeader else {
      let error = #expect(throws: DataError.self) { try CSV.load(path: path) }
      #expect("\(try #require(error))".hasPrefix("\(path), line 1, column 1: expected a finite"))
      let all = try CSV.load(path: path, hasHeader: true)
      #expect(all.count == 4 && all.featureNames?.count == 2)
      return
    }
    let table = try CSV.load(path: path)
    #expect(table.count == (isHeader ? 4 : 5))
    #expect((table.featureNames != nil) == isHeader)
    #expect(try CSV.load(path: path, hasHeader: true).count == 4)
  }

  @Test(
    arguments: [
      (["1", "0.0", "1.0", "0", "00"], [1, 0, 1, 0, 0], ["0", "1"]),
      (["1e1", "9", "10"], [1, 0, 1], ["9", "10"]),
      (["-1", "1", "-1.0"], [0, 1, 0], ["-1", "1"]),
      (["b", "1", "1.0", "a"], [2, 0, 0, 1], ["1", "a", "b"]),
      (["01", "02", "01"], [0, 1, 0], ["01", "02"]),
      (["NA", "EU", "NA"], [1, 0, 1], ["EU", "NA"]),
    ] as [([String], [Int32], [String])])
  func `labels that are equal as numbers are one class`(
    _ labels: [String], _ classes: [Int32], _ names: [String]
  ) throws {
    let text = labels.map { "0.5,\($0)\n" }.joined()
    let table = try CSV.load(path: files.write(text, to: "labels.csv"))
    #expect(table.labels == classes && table.classNames == names)
  }

  @Test func `labels that are no classes are refused`() throws {
    func message(_ labels: [String]) throws -> String {
      let path = try files.write(labels.map { "1,\($0)\n" }.joined(), to: "targets.csv")
      let error = #expect(throws: DataError.self) { try CSV.load(path: path) }
      return "\(try #require(error))"
    }
    #expect(
      try message((0..<60).map { "id\($0)" }).contains("found 60 different labels in 60 rows"))
    #expect(
      try message((0..<60).map { "\($0 % 40)" }).contains("found 40 different labels in 60 rows"))
  }

  @Test func `another table is validated on`() throws {
    func split(_ test: String, _ table: String = "x,y,c\n1,2,a\n3,4,b\n") throws
      -> ClassificationDataset.Split
    {
      var data = CSVData()
      data.path = try files.write(table, to: "train.csv")
      data.testPath = try files.write(test, to: "test.csv")
      return try data.load(seed: 0).classified
    }
    let parts = try split("x,y,c\n5,6,b\n7,8,b\n")
    #expect(parts.training.labels == [0, 1] && parts.validation.labels == [1, 1])
    #expect(parts.validation.features == [5, 6, 7, 8])
    for (test, part) in [
      ("x,y,c\n5,6,d\n", "line 2, column 3: expected one of the classes “a”, “b”, found “d”."),
      ("y,x,c\n5,6,b\n", "expected the feature “x”, as in "),
      ("x,c\n5,b\n", "expected 2 features, as in "), ("", "found an empty file"),
    ] {
      let error = #expect(throws: DataError.self) { try split(test) }
      #expect("\(try #require(error))".contains(part))
    }
    let alone = #expect(throws: DataError.self) { try split("1,2,a\n", "1,2,a\n3,4,a\n") }
    #expect(
      "\(try #require(alone))".hasSuffix("expected at least two classes, found only the class “a”.")
    )
  }

  @Test func `a column is given by name or index`() {
    #expect(CSV.Column("class") == .named("class"))
    #expect(CSV.Column("-1") == .index(-1))
    #expect("\(CSV.Column.index(-1))" == "-1" && "\(CSV.Column.named("class"))" == "class")
  }

  @Test func `a packed table is read`() throws {
    let path = try files.pack(files.write("1,2,a\n3,4,b\n", to: "table.csv"))
    #expect(try CSV.load(path: path).count == 2)
  }
}
