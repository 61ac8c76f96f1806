public import Descent
import DescentCompute
import Safetensors

/// The state of PyTorch's, bitsandbytes' and prodigyopt's optimizers, in and out, for the rules that
/// they have as well.
///
/// ```swift
/// // There: save(optimizer, "state.safetensors", model.named_parameters()), from
/// // Scripts/optimizer_state.py
/// try PyTorchState.restore(optimizer, from: "state.safetensors")
/// try PyTorchState.write(optimizer, to: "back.safetensors")
/// ```
/// State is moments, sums and counts of updates. Hyperparameters and schedules belong to whoever makes
/// the optimizer; only numbers that an optimizer finds by itself, such as Prodigy's d, are part of it.
public enum PyTorchState {
  /// How state is laid out.
  public enum Layout: String, CaseIterable, Sendable {
    /// That of torch.optim, and of prodigyopt for `prodigy`.
    case pytorch
    /// That of bitsandbytes: `state1` and `state2`; in 8 bits where it is `int8` here.
    case bitsandbytes
  }

  /// Has a new optimizer go on from state that was saved in PyTorch, in either layout. Parameters are
  /// found by their names, without `module.` and `_orig_mod.` before them; numbered ones are those of
  /// the optimizer in their order. A parameter without state there has had no update.
  ///
  /// Numbers that are kept in the same format keep their bits; others are rounded once.
  ///
  /// - Throws: ``RecipeError`` for a rule that PyTorch does not have; `SafetensorsError` and
  ///   ``DataError`` for a file that cannot be read or does not fit, by name. Then nothing was changed.
  public static func restore<S: Scalar>(_ optimizer: Optimizer<S>, from path: String) throws {
    let source = try PyTorchStateSource(PyTorchStateFile(path), optimizer)
    do throws(StateMismatch) {
      try StateArchive.restoring(from: source, convertsState: true) {
        (archive) throws(StateMismatch) in try archive.part(optimizer)
      }
    } catch { throw DataError.unsuitable("\(path): \(error)") }
  }
}

/// The saved state of an optimizer as the present one would have saved it.
struct PyTorchStateSource: StateSource {
  /// A tensor of the file, and the form in which it is given.
  private enum Item {
    case file(SafetensorsEntry, StoredTensor.Element, shape: [Int])
    case made(StoredTensor)
  }

  private let file: SafetensorsFile
  private var items: [String: Item] = [:]
  private var notes: [String: String] = [:]

  var tensorNames: [String] { Array(items.keys) }

  func tensor(_ name: String) -> (element: StoredTensor.Element, shape: [Int])? {
    switch items[name] {
    case .file(_, let element, let shape): (element, shape)
    case .made(let tensor): (tensor.element, tensor.shape)
    case nil: nil
    }
  }

  func read(_ name: String, at offset: Int, into memory: inout MutableRawSpan) {
    switch items[name] {
    case .made(let tensor): unsafe copy(tensor.bytes.span.bytes, offset, &memory)
    case .file(let entry, let element, _):
      // The names were looked up before, and only floats are converted.
      if entry.dtype.rawValue == element.rawValue {
        try? file.withBytes(of: entry.name) { copy($0, offset, &memory) }
      } else if element == .float64, let values = try? file.doubles(of: entry.name) {
        unsafe copy(values.span.bytes, offset, &memory)
      } else if let values = try? file.floats(of: entry.name) {
        unsafe copy(values.span.bytes, offset, &memory)
      }
    case nil: break
    }
  }

  private func copy(_ bytes: RawSpan, _ offset: Int, _ memory: inout MutableRawSpan) {
    let part = bytes.extracting(offset..<offset + memory.byteCount)
    unsafe memory.withUnsafeMutableBytes { memory in
      unsafe part.withUnsafeBytes { unsafe memory.copyMemory(from: $0) }
    }
  }

  func note(_ name: String) -> String? { notes[name] }

  // MARK: Finding everything

  init<S: Scalar>(_ saved: PyTorchStateFile, _ optimizer: Optimizer<S>) throws {
    file = saved.file
    if optimizer.groups.contains(where: { $0.rule != nil }) {
      throw RecipeError(problems: [
        "the groups have rules of their own, but state from PyTorch belongs to one"
      ])
    }
    let layout = try PyTorchLayout.of(optimizer.ruleName)
    let reader = Reader(
      saved: saved, layout: layout, names: try Self.names(saved, optimizer),
      element: S.self == Double.self ? .float64 : .float32)
    let formats = Dictionary(
      optimizer.stateSlots.map { ("state/\($0.slot)/\($0.parameter)", $0.format) },
      uniquingKeysWith: { first, _ in first })
    let present = StateArchive.saving { (archive) throws(StateMismatch) in
      try archive.part(optimizer)
    }
    notes = present.notes
    if layout.rule == LBFGS.name {
      items = try reader.lbfgs(optimizer.parameters.filter(\.trainable)).mapValues(Item.made)
    }
    try reader.refuseOthers(optimizer.stateSlots)
    var found: Set<String> = []
    for tensor in present.tensors
    where items[tensor.name] == nil && !found.contains(tensor.name.withoutCodes) {
      items[tensor.name] = .made(StoredTensor(tensor))
      let parts = tensor.name.split(separator: "/", maxSplits: 2).map(String.init)
      guard parts.count == 3 else { continue }
      if parts[0] == "memory" {
        if let value = try reader.variable(parts[2], shape: tensor.shape) {
          items[tensor.name] = .made(value)
        }
      } else if parts[1] == "step" {
        items[tensor.name] = .made(try reader.count(of: parts[2]))
      } else if let format = formats[tensor.name] ?? formats[tensor.name.withoutCodes] {
        // Of compressed state the codes come first.
        if format == .int8, tensor.name.hasSuffix(".scales") { continue }
        let parameter = format == .int8 ? parts[2].withoutCodes : parts[2]
        if try add(reader, parts[1], parameter, format, shape: tensor.shape) {
          found.insert("state/\(parts[1])/\(parameter)")
        }
      }
    }
  }

  /// Adds a slot of a parameter, where the file has state for it; returns whether it has.
  private mutating func add(
    _ reader: Reader, _ slot: String, _ parameter: String, _ format: StateStorage.Format,
    shape: [Int]
  ) throws -> Bool {
    let name = "state/\(slot)/\(parameter)"
    guard let found = try reader.slot(slot, of: parameter, shape: shape) else { return false }
    for form in ["", ".codes", ".tapered", ".scales"] { items[name + form] = nil }
    switch found {
    case .tensor(let entry, let element): items[name] = .file(entry, element, shape: shape)
    case .codes(let codes, let scales) where format == .int8:
      items[name + ".codes"] = .file(codes, .uint8, shape: shape)
      items[name + ".scales"] = .file(scales, .float32, shape: [scales.count])
    case .codes(let codes, let scales):
      let map = reader.layout.map(of: slot)
      items[name] = .made(try reader.decoded(codes, scales, map, name, shape))
    case .made(let values): items[name] = .made(values.named(name))
    }
    return true
  }

  /// The name in the file of each parameter that is trained.
  private static func names<S: Scalar>(
    _ saved: PyTorchStateFile, _ optimizer: Optimizer<S>
  ) throws(DataError) -> [String: String] {
    let (all, trained) = (optimizer.parameters, optimizer.parameters.filter(\.trainable))
    let path = saved.file.path
    var names: [String: String] = [:]
    if saved.parameters == saved.parameters.indices.map(String.init) {
      // Numbers count within the groups, which need not be the order of the model.
      guard saved.groups.count == 1 else {
        throw .unsuitable(
          "\(path) numbers its parameters over \(saved.groups.count) groups: save it with their "
            + "names")
      }
      guard let numbered = [all, trained].first(where: { $0.count == saved.parameters.count })
      else {
        throw .unsuitable(
          "\(path) has \(saved.parameters.count) parameters, but the optimizer trains "
            + "\(trained.count)")
      }
      for (parameter, number) in zip(numbered, saved.parameters) where parameter.trainable {
        names[parameter.name] = number
      }
      return names
    }
    for name in saved.parameters {
      var own = Substring(name)
      while let prefix = ["module.", "_orig_mod."].first(where: own.hasPrefix) {
        own = own.dropFirst(prefix.count)
      }
      names[all.contains { $0.name == name } ? name : String(own)] = name
    }
    let (known, wanted) = (Set(names.keys), Set(trained.map(\.name)))
    for (problem, names) in [
      ("has state of parameters that are not trained here", known.subtracting(wanted)),
      ("lacks parameters that are trained here", wanted.subtracting(known)),
    ] where !names.isEmpty {
      let shown = names.sorted().prefix(5).joined(separator: ", ")
      throw .unsuitable(
        "\(path) \(problem): \(shown)" + (names.count > 5 ? " and \(names.count - 5) more" : ""))
    }
    return names
  }
}

extension String {
  /// The name of the array that codes belong to.
  fileprivate var withoutCodes: String {
    for suffix in [".codes", ".tapered", ".scales"] where hasSuffix(suffix) {
      return String(dropLast(suffix.count))
    }
    return self
  }
}
