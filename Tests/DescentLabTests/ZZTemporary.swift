import Descent
import DescentLab
import Foundation
import Testing

@Test func writePages() throws {
  let curve = try ScheduleCurve(schedule: "OneCycleLR", [], total: 1000)
  let cosine = try ScheduleCurve(schedule: "cosine", [("warmup", "100")], total: 1000)
  var page = OptimizerPage.about(Prodigy.self)
  page.blocks.append(.list(["look out for η < 0", "second"], .warnings))
  page.blocks.append(.list(["a note"], .notes))
  page.blocks.append(
    .facts([Fact("copy bandwidth", .number(66), unit: "GB/s"), Fact("BLAS", "none")]))
  page.blocks.append(
    .section(
      Section(
        "curves",
        [
          .figures([curve.titledFigure, cosine.titledFigure]),
          .figures([Figure(cosine.figure.charts, caption: "one figure alone")]),
        ])))
  page.blocks += OptimizerPage.list().blocks
  try page.html().write(toFile: "/tmp/page.html", atomically: true, encoding: .utf8)
}
