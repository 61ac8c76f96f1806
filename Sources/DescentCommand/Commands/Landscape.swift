import ArgumentParser
import DescentFiles
import DescentLab
import DescentTraining
import Foundation

/// `descent landscape`
struct LandscapeCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "landscape",
    abstract: "Watch optimizers descend a function of two numbers.",
    discussion: """
      Each optimizer's path from one start is drawn on the contours of the function, made by the same \
      rules that train networks. Optimizers are named as in race, perhaps with settings; rates that \
      nobody sets suit the function. kfac alone cannot take part.

        descent landscape --function ravine --optimizers "sgd,sgd(momentum=0.9),adam"
        descent landscape --function ravine --condition 100 --optimizers sgd,lbfgs --html ravine.html
        descent landscape --function saddle --start=-1,0 --optimizers sgd,adam --noise 0.01
        descent landscape --function rosenbrock --optimizers "adam(lr=0.1),lion" --steps 2000 --json

      Functions: ravine, saddle, local-minima, rosenbrock, beale, rastrigin, noisy-quadratic. The page \
      that --html writes plays the paths and lets the start be dragged; --json has every step of every \
      path.
      """)

  @Option(help: ArgumentHelp("The function to descend.", valueName: "name"))
  var function = "ravine"

  @Option(help: ArgumentHelp("The optimizers.", valueName: "a,b(key=value),..."))
  var optimizers = "sgd,sgd(momentum=0.9),adam"

  @Option(
    parsing: .unconditional,
    help: ArgumentHelp(
      "The ratio of the curvatures, of ravine, saddle and noisy-quadratic.", valueName: "ratio"))
  var condition: Double?

  @Option(
    name: .customLong("lr"), parsing: .unconditional,
    help: ArgumentHelp(
      "The learning rate of optimizers whose text sets none, unless they find their own.",
      valueName: "rate"))
  var rate: Double?

  @Option(
    parsing: .unconditional,
    help: ArgumentHelp(
      "The standard deviation of what is added to each number of a gradient.", valueName: "s"))
  var noise: Double?

  @Option(
    parsing: .unconditional, help: ArgumentHelp("Where to begin.", valueName: "x,y"))
  var start: String?

  @Option(
    parsing: .unconditional, help: ArgumentHelp("How many steps to make.", valueName: "n"))
  var steps: Int?

  @Option(parsing: .unconditional, help: ArgumentHelp("Which noise.", valueName: "n"))
  var seed = 0

  @OptionGroup var page: PageOptions

  @Option(
    help: ArgumentHelp("Write all contours into one file, as SVG.", valueName: "file.svg"),
    completion: .file(extensions: ["svg"]))
  var plot: String?

  @Option(
    help: ArgumentHelp("Write each figure into a folder, as SVG.", valueName: "folder"),
    completion: .directory)
  var svg: String?

  func validate() throws {
    if let plot, !plot.hasSuffix(".svg") {
      throw ValidationError("--plot \(plot) must name a file that ends in .svg")
    }
    if svg?.isEmpty == true { throw ValidationError("--svg names no folder") }
  }

  func run() throws {
    try reportingErrors {
      // The folder is made later; that it is none of the files is seen now.
      try OutputPaths.check([page.use, ("--plot", plot), ("--svg", svg)], areWritable: false)
      try OutputPaths.check([page.use, ("--plot", plot)])
      let landscape = try Landscape(
        function, condition: condition, start: start, steps: steps, rate: rate, noise: noise,
        seed: seed)
      let result = try landscape.entries(optimizers).run()
      let command = commandLine
      if let plot { try OutputFile.write(LandscapePage.figure(result).svg(), to: plot) }
      if let svg {
        try makeFolder(svg)
        for (name, figure) in LandscapePage.figures(result) {
          try OutputFile.write(figure.svg(), to: "\(svg)/\(name).svg")
        }
      }
      try page.show(
        page.json
          ? LandscapePage.about(result, isAnimated: false, command: command)
          : LandscapePage.terminal(result),
        inHTML: LandscapePage.about(result, isAnimated: true, command: command))
      if page.json { return }
      for (name, path) in [("plot", plot), ("figures", svg)] {
        if let path { output("\(name): \(path)") }
      }
    }
  }

  /// The command line that repeats it.
  private var commandLine: String {
    var words = ["descent", "landscape", "--function", function, "--optimizers", optimizers]
    if let condition { words += ["--condition", "\(condition)"] }
    if let rate { words += ["--lr", "\(rate)"] }
    if let noise { words += ["--noise", "\(noise)"] }
    if let start { words.append("--start=\(start)") }
    if let steps { words += ["--steps", "\(steps)"] }
    if seed != 0 { words += ["--seed", "\(seed)"] }
    return words.map(shellQuoted).joined(separator: " ")
  }
}

/// A word as a shell reads it as one.
func shellQuoted(_ text: String) -> String {
  text.allSatisfy { $0.isLetter || $0.isNumber || "-_./=,".contains($0) } && !text.isEmpty
    ? text : "'\(text.replacing("'", with: "'\\''"))'"
}

/// Makes a folder for figures where there is none.
///
/// - Throws: `FileError.unwritable`.
func makeFolder(_ path: String) throws {
  if let kind = try? URL(filePath: path).resourceValues(forKeys: [.isDirectoryKey]),
    kind.isDirectory == false
  {
    throw FileError.unwritable(path: path, reason: "it is a file, not a folder")
  }
  do {
    try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
  } catch { throw FileError.unwritable(path: path, reason: SystemReason.of(error)) }
}
