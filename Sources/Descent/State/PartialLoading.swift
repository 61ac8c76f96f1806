/// What of a saved state fitted, by name.
public struct LoadReport: Sendable, Equatable {
  /// Tensors that were there, with the type and the shape that are wanted.
  public var matched: [String] = []
  /// Tensors that are wanted and were not saved.
  public var missing: [String] = []
  /// Tensors that were saved and are not wanted.
  public var extra: [String] = []
  /// Tensors of another element type or shape.
  public var mismatched: [Mismatch] = []

  /// A tensor that was saved with another element type or shape than is wanted.
  public struct Mismatch: Sendable, Equatable {
    /// Its name.
    public let name: String
    /// What was saved: `F32 [10, 64]`.
    public let saved: String
    /// What is wanted.
    public let wanted: String
  }

  /// Nothing yet.
  public init() {}

  /// Whether everything that is wanted was there, and nothing else.
  public var isComplete: Bool { missing.isEmpty && extra.isEmpty && mismatched.isEmpty }
}

extension LoadReport: CustomStringConvertible {
  /// One line: `20 tensors match; missing: head.weight; not used: fc.weight, fc.bias`.
  public var description: String {
    let mismatches = mismatched.map { "\($0.name) (\($0.saved), wanted \($0.wanted))" }
    let parts = [("missing", missing), ("not used", extra), ("of another kind", mismatches)]
    let count = matched.count == 1 ? "1 tensor matches" : "\(matched.count) tensors match"
    return ([count] + parts.filter { !$1.isEmpty }.map { "\($0): \(Self.list($1))" })
      .joined(separator: "; ")
  }

  /// The first few names, and how many more there are.
  private static func list(_ names: [String]) -> String {
    let shown = names.prefix(5).joined(separator: ", ")
    return names.count > 5 ? "\(shown) and \(names.count - 5) more" : shown
  }
}

extension StateArchive {
  /// Compares what `body` hands over with `source`; changes nothing.
  package static func matching(
    _ source: any StateSource, _ body: (StateArchive) throws(StateMismatch) -> Void
  ) -> LoadReport {
    report(on: saving(body).tensors, from: source)
  }

  /// Restores the tensors that `source` has with the right types and shapes, and leaves all others as
  /// they are, the short texts included.
  package static func restoringMatches(
    from source: any StateSource, _ body: (StateArchive) throws(StateMismatch) -> Void
  ) throws(StateMismatch) -> LoadReport {
    let present = saving(body)
    let report = report(on: present.tensors, from: source)
    try restoring(from: Completed(source, report.matched, by: present), body)
    return report
  }

  private static func report(
    on tensors: [ArchivedTensor], from source: any StateSource
  ) -> LoadReport {
    func text(_ element: StoredTensor.Element, _ shape: [Int]) -> String {
      "\(element.rawValue) \(shape)"
    }
    var report = LoadReport()
    for tensor in tensors {
      guard let found = source.tensor(tensor.name) else {
        report.missing.append(tensor.name)
        continue
      }
      if found == (tensor.element, tensor.shape) {
        report.matched.append(tensor.name)
      } else {
        report.mismatched.append(
          .init(
            name: tensor.name, saved: text(found.element, found.shape),
            wanted: text(tensor.element, tensor.shape)))
      }
    }
    let wanted = Set(tensors.map(\.name))
    report.extra = source.tensorNames.filter { !wanted.contains($0) }.sorted()
    return report
  }

  /// A source with what it lacks taken from what is there already.
  private struct Completed: StateSource {
    let source: any StateSource
    let matched: Set<String>
    let rest: IndexedState
    var tensorNames: [String] { Array(matched) + rest.tensorNames }

    init(_ source: any StateSource, _ matched: [String], by present: StateArchive) {
      let matched = Set(matched)
      (self.source, self.matched) = (source, matched)
      rest = IndexedState(
        SavedState(
          tensors: present.tensors.filter { !matched.contains($0.name) }.map(StoredTensor.init),
          notes: present.notes))
    }

    func tensor(_ name: String) -> (element: StoredTensor.Element, shape: [Int])? {
      matched.contains(name) ? source.tensor(name) : rest.tensor(name)
    }

    func read(_ name: String, at offset: Int, into memory: inout MutableRawSpan) {
      if matched.contains(name) {
        source.read(name, at: offset, into: &memory)
      } else {
        rest.read(name, at: offset, into: &memory)
      }
    }

    func note(_ name: String) -> String? { rest.note(name) }
  }
}

extension SavedState {
  /// Has `part` take over the tensors that fit by name, element type and shape, and keep all others.
  /// Short texts (the applied steps, what schedules remember) stay as they are in `part`.
  ///
  /// ```swift
  /// let report = try SavedState(of: small).restoreMatches(&large)
  /// print(report)  // 12 tensors match; missing: state/exp_avg/head, ...
  /// ```
  /// - Throws: what a part refuses of itself, as when it cannot go on from a mixture; then nothing was
  ///   changed.
  public func restoreMatches<T: Savable>(_ part: inout T) throws(StateMismatch) -> LoadReport {
    var restored = part
    let report = try StateArchive.restoringMatches(from: IndexedState(self)) {
      (archive) throws(StateMismatch) in try restored.archive(archive)
    }
    part = restored
    return report
  }

  /// The same for objects.
  public func restoreMatches(
    _ part: some Savable & AnyObject
  ) throws(StateMismatch) -> LoadReport {
    var part = part
    return try restoreMatches(&part)
  }
}
