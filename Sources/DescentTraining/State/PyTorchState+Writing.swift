public import Descent
import DescentCompute
import Foundation
import Safetensors

extension PyTorchState {
  /// Writes the state of an optimizer so that `load` of `Scripts/optimizer_state.py` gives it to
  /// PyTorch's, bitsandbytes' or prodigyopt's. Parameters without an update have none.
  ///
  /// - Parameter layout: that of PyTorch has all in the weights' type; that of bitsandbytes keeps what
  ///   is `int8` here in codes, where its map is the same.
  /// - Throws: ``RecipeError`` for a rule that they do not have, or not with these settings;
  ///   `SafetensorsError` when the file cannot be written.
  public static func write<S: Scalar>(
    _ optimizer: Optimizer<S>, to path: String, layout: Layout = .pytorch
  ) throws {
    let form = try PyTorchLayout.of(optimizer.ruleName)
    if optimizer.groups.contains(where: { $0.rule != nil }) {
      throw RecipeError(problems: [
        "the groups have rules of their own, and PyTorch has one class for each"
      ])
    }
    if layout == .bitsandbytes, form.quantized.isEmpty {
      throw RecipeError(problems: ["bitsandbytes has no \(form.rule): leave out its layout"])
    }
    var writing = Writing(form, layout, plain: S.self == Double.self ? .float64 : .float32)
    let archived = StateArchive.saving { (archive) throws(StateMismatch) in
      try archive.part(optimizer)
    }
    let trained = optimizer.parameters.filter(\.trainable)
    if form.rule == LBFGS.name {
      writing.addLBFGS(archived.tensors.map { StoredTensor($0) }, first: trained.first?.name)
    } else {
      try writing.add(optimizer, archived.tensors)
    }
    let variables = archived.tensors.filter { $0.name.hasPrefix("memory/\(form.rule)/") }
      .map(StoredTensor.init)
    try writing.write(
      groups: optimizer.groups.indices.map { group in
        trained.filter { parameter in
          optimizer.parameters.firstIndex { $0.name == parameter.name }
            .map { optimizer.groupOf[$0] == group } ?? false
        }.map(\.name)
      }.filter { !$0.isEmpty }, variables, to: path)
  }
}

/// What is to be written.
private struct Writing {
  let form: PyTorchLayout
  let layout: PyTorchState.Layout
  /// The type of plain state.
  let plain: StoredTensor.Element
  private var tensors: [StoredTensor] = []
  private var values: [String: [String: Any]] = [:]

  init(_ form: PyTorchLayout, _ layout: PyTorchState.Layout, plain: StoredTensor.Element) {
    (self.form, self.layout, self.plain) = (form, layout, plain)
  }

  // MARK: Slots and counts

  mutating func add<S: Scalar>(_ optimizer: Optimizer<S>, _ archived: [ArchivedTensor]) throws {
    let saved = Dictionary(
      archived.map { ($0.name, $0) }, uniquingKeysWith: { first, _ in first })
    func read(_ name: String) -> StoredTensor? { saved[name].map(StoredTensor.init) }
    let isEager = form.isEager && layout == .pytorch
    var written: Set<String> = []
    for parameter in optimizer.parameters where parameter.trainable {
      let count = read("state/step/\(parameter.name)")?.integer ?? 0
      guard count > 0 || isEager else { continue }
      written.insert(parameter.name)
      switch layout == .bitsandbytes ? .number : form.count {
      case .tensor:
        tensors.append(.numbers("state/\(parameter.name)/step", [Double(count)], plain, shape: []))
      case .number: values[parameter.name, default: [:]]["step"] = count
      case .none: break
      }
    }
    for state in optimizer.state where written.contains(state.parameter) {
      let own = "state/\(state.slot)/\(state.parameter)"
      let there = "state/\(state.parameter)/"
      let shape = form.flat.contains(state.slot) ? [state.values.count] : state.shape
      guard layout == .bitsandbytes else {
        tensors.append(.scalars(there + state.slot, state.values, shape: shape))
        continue
      }
      guard let index = form.quantized.firstIndex(where: { $0.slot == state.slot }) else {
        throw RecipeError(problems: [
          "bitsandbytes' \(form.optimizer) has no \(state.slot): write the layout of PyTorch"
        ])
      }
      let (number, isSigned) = (index + 1, form.quantized[index].isSigned)
      // Its first map is the signed one, its second the unsigned.
      if isSigned == (index == 0), let codes = read(own + ".codes"),
        let scales = read(own + ".scales")
      {
        let map = form.map(of: state.slot)
        tensors += [
          codes.named(there + "state\(number)"), scales.named(there + "absmax\(number)"),
          .floats(there + "qmap\(number)", map, .float32, shape: [map.count]),
        ]
      } else {
        tensors.append(.scalars(there + "state\(number)", state.values, shape: shape))
      }
    }
  }

  // MARK: L-BFGS

  mutating func addLBFGS(_ saved: [StoredTensor], first: String?) {
    guard let first else { return }
    let found = Dictionary(saved.map { ($0.name, $0) }, uniquingKeysWith: { first, _ in first })
    func numbers(_ name: String) -> [Double] { found[name]?.numbers ?? [] }
    let iterations = found["memory/lbfgs/n_iter"]?.integer ?? 0
    guard iterations > 0 else { return }
    let there = "state/\(first)/"
    for key in ["d", "prev_flat_grad"] {
      guard let tensor = found["state/\(key)"] else { continue }
      tensors.append(tensor.named(there + key))
    }
    let curvatures = numbers("state/ro")
    for (key, list) in [("old_dirs", "state/old_dirs"), ("old_stps", "state/old_stps")] {
      let rows = numbers(list)
      let width = curvatures.isEmpty ? 0 : rows.count / curvatures.count
      for i in curvatures.indices {
        let row = Array(rows[i * width..<(i + 1) * width])
        tensors.append(.numbers("\(there)\(key).\(i)", row, plain, shape: [width]))
      }
    }
    for (i, curvature) in curvatures.enumerated() {
      tensors.append(.numbers("\(there)ro.\(i)", [curvature], plain, shape: []))
    }
    let scale = numbers("memory/lbfgs/H_diag")
    tensors.append(.numbers(there + "H_diag", scale, plain, shape: []))
    values[first] = [
      "n_iter": iterations, "func_evals": found["memory/lbfgs/func_evals"]?.integer ?? 0,
      "t": numbers("memory/lbfgs/t").first ?? 0,
      // Read only after it was set.
      "prev_loss": 0.0,
    ]
    if curvatures.isEmpty {
      for key in ["old_dirs", "old_stps", "ro"] { values[first]?[key] = [Double]() }
    }
  }

  // MARK: The file

  func write(groups: [[String]], _ variables: [StoredTensor], to path: String) throws {
    var shared: [String: Any] = [:]
    for (field, key) in form.variables {
      let values = variables.first { $0.name == "memory/\(form.rule)/\(field)" }?.numbers ?? []
      if Set(values).count > 1 {
        throw RecipeError(problems: [
          "\(form.rule) has a \(field) for each group, and \(form.optimizer) one for all"
        ])
      }
      guard let value = values.first else { continue }
      shared[key] = value.isFinite ? value : "\(value)"
    }
    func json(_ value: Any) throws -> String {
      let data = try JSONSerialization.data(withJSONObject: value, options: .sortedKeys)
      return String(decoding: data, as: UTF8.self)
    }
    try SafetensorsFile.write(
      tensors.map { tensor in
        SafetensorsTensor(
          tensor.name, dtype: SafetensorsDType(rawValue: tensor.element.rawValue)!,
          shape: tensor.shape, bytes: tensor.bytes)
      },
      metadata: [
        "format": PyTorchStateFile.format, "optimizer": form.optimizer,
        "param_groups": json(groups.map { shared.merging(["params": $0]) { $1 } }),
        "values": json(values),
      ], to: path)
  }
}

extension StoredTensor {
  /// The elements of float32 or float64.
  fileprivate var numbers: [Double] {
    unsafe bytes.withUnsafeBytes { bytes in
      element == .float32
        ? stride(from: 0, to: bytes.count, by: 4).map {
          unsafe Double(bytes.loadUnaligned(fromByteOffset: $0, as: Float.self))
        }
        : stride(from: 0, to: bytes.count, by: 8).map {
          unsafe bytes.loadUnaligned(fromByteOffset: $0, as: Double.self)
        }
    }
  }

  /// The one element of int64.
  fileprivate var integer: Int {
    unsafe bytes.withUnsafeBytes { unsafe $0.loadUnaligned(as: Int.self) }
  }

  /// Numbers in their own type.
  fileprivate static func scalars<S: Scalar>(
    _ name: String, _ values: [S], shape: [Int]
  ) -> StoredTensor {
    StoredTensor(
      name, S.self == Double.self ? .float64 : .float32, shape: shape,
      bytes: values.littleEndianBytes)
  }
}
