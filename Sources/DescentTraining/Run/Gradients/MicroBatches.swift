/// How micro-batches, which are numbered from 0, make steps.
///
/// A step has `accumulate` of them, but none from two passes over the training part: the last step
/// of a pass takes what remains. So accumulation sees the batches that one large batch would.
struct MicroBatches {
  /// The micro-batches of a full step.
  private let accumulate: Int
  /// The micro-batches in a pass; nil where batches are drawn at random, so that no pass ends.
  private let inPass: Int?

  init(_ task: any TrainingTask, _ run: RunSettings) {
    accumulate = run.accumulate
    inPass = task.drawsAtRandom ? nil : task.batchesPerEpoch(run.batch).map { max(1, $0) }
  }

  /// The micro-batches of the step with this number, from 0.
  func range(ofStep step: Int) -> Range<Int> {
    guard let inPass else { return step * accumulate..<(step + 1) * accumulate }
    let (pass, part) = step.quotientAndRemainder(dividingBy: Self.parts(of: inPass, accumulate))
    let first = pass * inPass + part * accumulate
    return first..<first + min(accumulate, inPass - part * accumulate)
  }

  /// The steps of `epochs` passes: of the last pass, if it is a part, the steps that fit in.
  func steps(epochs: Double) -> Double {
    guard let inPass else { return epochs }
    let inEach = Double(Self.parts(of: inPass, accumulate))
    if inPass % accumulate == 0 { return (epochs * inEach).rounded(.down) }
    let whole = epochs.rounded(.down)
    let rest = (epochs - whole) * Double(inPass) / Double(accumulate)
    return whole * inEach + rest.rounded(.down)
  }

  /// How many groups of at most `size` a `count` makes.
  private static func parts(of count: Int, _ size: Int) -> Int { (count - 1) / size + 1 }
}
