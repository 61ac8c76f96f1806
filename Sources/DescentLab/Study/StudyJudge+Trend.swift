import Descent

extension StudyJudge {
  /// Whether numbers rise or fall from value to value of an axis, for each combination of the
  /// others.
  mutating func trend(_ axis: String?, rises: Bool) {
    guard let place = axis.flatMap(experiment.axis) ?? (experiment.axes.isEmpty ? nil : 0) else {
      return none("two cells")
    }
    let groups = Dictionary(grouping: verdict.cells.indices) { index -> [Int] in
      var others = experiment.cells[places[index]].places
      others.remove(at: place)
      return others
    }
    let courses = groups.values.map { indices in
      indices.sorted {
        experiment.cells[places[$0]].places[place] < experiment.cells[places[$1]].places[place]
      }
    }.sorted { ($0.first ?? 0) < ($1.first ?? 0) }.filter { $0.count > 1 }
    guard !courses.isEmpty else { return none("a second value of \(axis ?? "the axis")") }
    // How much more the end has, of each course; and of each step within it.
    let ends = StudyComparison.corrected(
      courses.map { compared(verdict.cells[$0[$0.count - 1]], verdict.cells[$0[0]]) })
    let steps = StudyComparison.corrected(
      courses.flatMap { course in
        zip(course.dropFirst(), course).map { compared(verdict.cells[$0], verdict.cells[$1]) }
      })
    let hasInner = courses.contains { $0.count > 2 }
    keep(hasInner ? ends + steps : ends)
    let sign = rises ? 1 : -1
    let (word, opposite) = rises ? ("rises", "falls") : ("falls", "rises")
    let start = "\(what): \(figures(verdict.cells))"
    let whole = ends.map(\.sentence).joined(separator: "; ")
    if let wrong = ends.first(where: { Self.side($0) == -sign }) {
      return decide(.contradicted, "\(start). It \(opposite): \(wrong.sentence)")
    }
    if ends.allSatisfy({ $0.test.isIdentical && $0.pairs > 0 }) {
      return decide(.contradicted, "\(start). It does not change: \(whole)")
    }
    let isShown = ends.allSatisfy { Self.side($0) == sign }
    if hasInner, let wrong = steps.first(where: { Self.side($0) == -sign }) {
      // One seed says too little of single steps.
      return decide(
        wrong.pairs == 1 ? .undecided : .contradicted,
        "\(start). It \(word) not at every step: \(wrong.sentence)")
    }
    if isShown {
      let against = steps.filter { $0.direction == -sign }
      let remark =
        against.isEmpty
        ? "" : ". At one step it goes the other way, which is not proven: \(against[0].sentence)"
      return decide(.supported, "\(start). From end to end, \(whole)\(remark)")
    }
    decide(
      .undecided,
      "\(start). That it \(word) is not proven: \(whole)\(ends.first?.needed ?? "")")
  }
}
