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
      ("1\n2\n", nil, "line 1: expected at least two columns separated by commas, found one"),
      ("x,y\n", nil, "expected rows below the header, found none"),
      ("1,2,a\n3,b\n", nil, "line 2: expected 3 cells, as in the first row, found 2"),
      ("1,2,a\n3,4,5,b\n", nil, "line 2: expected 3 cells, as in the first row, found 4"),
      ("1,2,a\n\n3,oops,b\n", nil, "line 3, column 2: expected a finite number, found “oops”"),
      (
        "x,y,c\n1,2,a\n3,,b\n", nil,
        "line 3, column 2: expected a finite number for “y”, found an empty cell"
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
