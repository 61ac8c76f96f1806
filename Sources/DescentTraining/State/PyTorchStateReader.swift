import Descent
import Safetensors

extension PyTorchStateSource {
  /// Finds in a file what a slot, a count or a variable is called there.
  struct Reader {
    let saved: PyTorchStateFile
    let layout: PyTorchLayout
    /// The name in the file of each parameter that is trained.
    let names: [String: String]
    /// The type of plain state.
    let element: StoredTensor.Element

    /// What a slot was found as.
    enum Found {
      /// A tensor of floats, and the type in which it is given.
      case tensor(SafetensorsEntry, StoredTensor.Element)
      /// Codes of the map that the slot has here, and their scales.
      case codes(SafetensorsEntry, SafetensorsEntry)
      /// Numbers.
      case made(StoredTensor)
    }

    private func unsuitable(_ parameter: String, _ problem: String) -> DataError {
      .unsuitable("\(saved.file.path): the state of \(parameter) \(problem)")
    }

    // MARK: Slots

    /// A slot of a parameter; nil where the file has no state for it.
    func slot(_ slot: String, of parameter: String, shape: [Int]) throws -> Found? {
      let tensors = names[parameter].map(saved.tensors) ?? [:]
      let names = layout.names(of: slot)
      guard let key = names.first(where: { tensors[$0] != nil }), let entry = tensors[key] else {
        if tensors.keys.allSatisfy({ $0 == "step" }) { return nil }
        throw unsuitable(parameter, "has no \(slot)")
      }
      let count = shape.reduce(1, *)
      if layout.flat.contains(slot), entry.count == 1, count != 1 {
        // prodigyopt keeps one zero for a tensor of zeros.
        return .made(.repeating(try value(entry, parameter), element, shape))
      }
      guard entry.count == count else {
        throw unsuitable(
          parameter, "has \(key) with the shape \(entry.shape), but \(slot) has \(shape) here")
      }
      try refuseNonFinite(entry, key, parameter)
      if entry.dtype == .u8, key.hasPrefix("state") {
        return try coded(entry, key, slot, parameter, shape, tensors)
      }
      switch entry.dtype {
      case .f32, .f64, .f16: return .tensor(entry, element)
      case .bf16: return .tensor(entry, element == .float32 ? .bfloat16 : element)
      default: throw unsuitable(parameter, "has \(key) in \(entry.dtype.rawValue)")
      }
    }

    /// Refuses a file that holds more of a parameter than the rule keeps here, as that of another class
    /// or option does: a tensor of the parameter's size that no slot takes.
    func refuseOthers(_ slots: [StateSlot]) throws(DataError) {
      if layout.rule == LBFGS.name { return }
      let kept = Dictionary(grouping: slots, by: \.parameter)
      for (parameter, name) in names.sorted(by: { $0.key < $1.key }) {
        let known = Set((kept[parameter] ?? []).flatMap { layout.names(of: $0.slot) })
        let tensors = saved.tensors(of: name)
        let size = tensors.filter { known.contains($0.key) }.map(\.value.count).max() ?? 2
        let other = tensors.keys.sorted().first { key in
          guard let entry = tensors[key], entry.count > 1, entry.count >= size else { return false }
          return !known.contains(key)
            && !["absmax", "qmap", "unorm"].contains { key.hasPrefix($0) }
        }
        if let other {
          throw unsuitable(
            parameter, "has \(other), which \(layout.rule) does not keep with these hyperparameters"
          )
        }
      }
    }

    private func refuseNonFinite(
      _ entry: SafetensorsEntry, _ key: String, _ parameter: String
    ) throws {
      let count = try TensorStatistics(of: entry.name, in: saved.file).nonFinite
      if count > 0 { throw unsuitable(parameter, "has NaN or infinity in \(key)") }
    }

    private func value(_ entry: SafetensorsEntry, _ parameter: String) throws -> Double {
      try saved.file.doubles(of: entry.name)[0]
    }

    /// bitsandbytes' codes, which mean what its map says.
    private func coded(
      _ codes: SafetensorsEntry, _ key: String, _ slot: String, _ parameter: String, _ shape: [Int],
      _ tensors: [String: SafetensorsEntry]
    ) throws -> Found {
      let number = key.dropFirst("state".count)
      guard let scales = tensors["absmax\(number)"], let map = tensors["qmap\(number)"],
        scales.dtype == .f32, map.dtype == .f32, map.count == 256,
        scales.count == (codes.count + 255) / 256
      else {
        throw unsuitable(
          parameter,
          "has \(key) in 8 bits, but no absmax\(number) for each 256 and no qmap\(number)")
      }
      try refuseNonFinite(scales, "absmax\(number)", parameter)
      try refuseNonFinite(map, "qmap\(number)", parameter)
      let values = try saved.file.floats(of: map.name)
      if element == .float32, values == layout.map(of: slot) { return .codes(codes, scales) }
      return .made(try decoded(codes, scales, values, "", shape))
    }

    /// Decodes 8-bit state.
    func decoded(
      _ codes: SafetensorsEntry, _ scales: SafetensorsEntry, _ map: [Float], _ name: String,
      _ shape: [Int]
    ) throws -> StoredTensor {
      let scales = try saved.file.floats(of: scales.name)
      let values = try saved.file.bytes(of: codes.name).enumerated().map { i, code in
        map[Int(code)] * scales[i / 256]
      }
      return .floats(name, values, element, shape: shape)
    }

    // MARK: Counts and variables

    /// t of a parameter.
    func count(of parameter: String) throws(DataError) -> StoredTensor {
      let own = names[parameter] ?? ""
      var count = saved.tensors(of: own).isEmpty ? 0.0 : 1
      // Without a count all that matters is whether the first update has been made.
      if let given = saved.number("step", of: own) { count = given }
      guard let whole = Int(exactly: count), (0..<1 << 40).contains(whole) else {
        throw unsuitable(parameter, "has the step \(count)")
      }
      return .integer("state/step/\(parameter)", whole)
    }

    /// A variable of the rule, once for each of `shape`; nil where it has no other name there.
    func variable(_ field: String, shape: [Int]) throws(DataError) -> StoredTensor? {
      guard let key = layout.variables.first(where: { $0.field == field })?.key else { return nil }
      // Before its first step the optimizer there has none of the numbers that it finds.
      guard let value = saved.number(key, ofGroup: 0) else { return nil }
      guard value.isFinite else {
        throw .unsuitable("\(saved.file.path): its groups have \(key)=\(value)")
      }
      return .repeating(value, .float64, shape, name: "memory/\(layout.rule)/\(field)")
    }

    // MARK: L-BFGS

    /// What `lbfgs` remembers, which PyTorch keeps as the state of the first parameter.
    func lbfgs(_ trained: [ParameterInfo]) throws -> [String: StoredTensor] {
      guard let first = saved.parameters.first, saved.groups.count == 1 else { return [:] }
      // Its vectors run over all parameters.
      guard saved.parameters == trained.map({ names[$0.name] ?? "" }) else {
        throw unsuitable(first, "runs over the parameters in another order than here")
      }
      let count = trained.reduce(0) { $0 + $1.count }
      let tensors = saved.tensors(of: first)
      func vector(_ key: String) throws -> [Double] {
        guard let entry = tensors[key] else { return [] }
        guard entry.count == count else {
          throw unsuitable(first, "has \(key) with \(entry.count) elements, not \(count)")
        }
        try refuseNonFinite(entry, key, first)
        return try saved.file.doubles(of: entry.name)
      }
      func number(_ key: String, _ initial: Double) -> Double {
        saved.number(key, of: first) ?? initial
      }
      func integer(_ key: String) throws -> Int {
        guard let whole = Int(exactly: number(key, 0)), (0..<1 << 40).contains(whole) else {
          throw unsuitable(first, "has \(key)=\(number(key, 0))")
        }
        return whole
      }
      let pairs = (0..<tensors.count).prefix { tensors["old_dirs.\($0)"] != nil }
      let y = try pairs.map { try vector("old_dirs.\($0)") }
      let s = try pairs.map { try vector("old_stps.\($0)") }
      let curvatures = pairs.map { number("ro.\($0)", .nan) }
      guard s.allSatisfy({ $0.count == count }), curvatures.allSatisfy(\.isFinite) else {
        throw unsuitable(first, "has no old_stps and ro for each of its old_dirs")
      }
      let (d, gradient) = (try vector("d"), try vector("prev_flat_grad"))
      let made: [StoredTensor] = [
        .numbers("state/old_dirs", y.flatMap(\.self), element, shape: [y.count, count]),
        .numbers("state/old_stps", s.flatMap(\.self), element, shape: [s.count, count]),
        .numbers("state/ro", curvatures, .float64, shape: [y.count]),
        .numbers("state/d", d, element, shape: [d.count]),
        .numbers("state/prev_flat_grad", gradient, element, shape: [gradient.count]),
        .numbers("state/retreat", [], element, shape: [0]),
        .numbers("memory/lbfgs/t", [number("t", 0)], .float64, shape: []),
        .numbers("memory/lbfgs/H_diag", [number("H_diag", 1)], .float64, shape: []),
        .integer("memory/lbfgs/n_iter", try integer("n_iter")),
        .integer("memory/lbfgs/func_evals", try integer("func_evals")),
      ]
      return Dictionary(uniqueKeysWithValues: made.map { ($0.name, $0) })
    }
  }
}

extension PyTorchLayout {
  /// What a slot may be called: its own name, or bitsandbytes'.
  func names(of slot: String) -> [String] {
    [slot]
      + (quantized.firstIndex { $0.slot == slot }.map { ["state\($0 + 1)"] } ?? [])
  }

  /// The map of a slot's 8-bit codes here.
  func map(of slot: String) -> [Float] {
    quantized.first { $0.slot == slot }?.isSigned ?? true ? DynamicMap.signed : DynamicMap.unsigned
  }
}

extension StoredTensor {
  /// The same elements under another name.
  func named(_ name: String) -> StoredTensor {
    StoredTensor(name, element, shape: shape, bytes: bytes)
  }

  /// Numbers as float32 or float64.
  static func numbers(
    _ name: String, _ values: [Double], _ element: Element, shape: [Int]
  ) -> StoredTensor {
    if element == .float32 { return floats(name, values.map { Float($0) }, element, shape: shape) }
    return StoredTensor(name, .float64, shape: shape, bytes: values.littleEndianBytes)
  }

  /// Floats as float32 or float64.
  static func floats(
    _ name: String, _ values: [Float], _ element: Element, shape: [Int]
  ) -> StoredTensor {
    if element == .float64 { return numbers(name, values.map(Double.init), element, shape: shape) }
    return StoredTensor(name, .float32, shape: shape, bytes: values.littleEndianBytes)
  }

  /// One number, everywhere.
  static func repeating(
    _ value: Double, _ element: Element, _ shape: [Int], name: String = ""
  ) -> StoredTensor {
    numbers(name, Array(repeating: value, count: shape.reduce(1, *)), element, shape: shape)
  }

  /// A whole number.
  static func integer(_ name: String, _ value: Int) -> StoredTensor {
    StoredTensor(name, .int64, shape: [], bytes: [value].littleEndianBytes)
  }
}

extension Array where Element: BitwiseCopyable {
  /// The bytes of the elements.
  var littleEndianBytes: [UInt8] { unsafe withUnsafeBytes { unsafe Array<UInt8>($0) } }
}
