public import DescentCompute
internal import DescentFiles
internal import Foundation
internal import Safetensors

extension PretrainedModel {
  /// Writes a model as Hugging Face's: `config.json` and `model.safetensors`.
  ///
  /// - Parameters:
  ///   - model: one of the families that are read.
  ///   - folder: where; it is made where it is not there.
  ///   - format: the format of the weights; float32 unless told otherwise, else to the nearest number.
  ///   - configuration: the text of the `config.json` that the model was made from, whose keys are kept;
  ///     nil writes one.
  /// - Throws: ``PretrainedError/unknownArchitecture(path:found:known:)`` for a model of another kind;
  ///   errors of writing.
  public static func save(
    _ model: any CausalLanguageModel, to folder: String, format: NumberFormat = .float32,
    configuration: String? = nil
  ) throws {
    let given = configuration.flatMap {
      try? JSONDecoder().decode(ConfigurationValue.self, from: Data($0.utf8))
    }
    let kept: [String: ConfigurationValue]? =
      if case .object(let keys)? = given { keys } else { nil }
    guard let family = ModelFamilies.family(of: model),
      var values = kept ?? family.configuration(ofAny: model)
    else {
      throw PretrainedError.unknownArchitecture(
        path: folder, found: "\(Swift.type(of: model))",
        known: ModelFamilies.all.flatMap { $0.types })
    }
    values["torch_dtype"] = nil
    values["dtype"] = .text(format.rawValue)
    let url = URL(fileURLWithPath: folder)
    try FileManager.default.createDirectory(at: url, withIntermediateDirectories: true)
    func file(_ name: String) -> String { url.appendingPathComponent(name).relativePath }
    try write(model, family, format, to: file("model.safetensors"))
    try OutputFile.write(
      ModelConfiguration(path: "", values: values).text(), to: file("config.json"))
  }

  private static func write(
    _ model: any CausalLanguageModel, _ family: any ModelFamily.Type, _ format: NumberFormat,
    to path: String
  ) throws {
    let dtype: SafetensorsDType =
      switch format {
      case .float32: .f32
      case .bfloat16: .bf16
      case .float16: .f16
      }
    let weights = model.namedParameters.map { ($0.parameter, family.stored($0.name)) }
    let zeros = family.zeros(ofAny: model)
    let tensors = weights.map { parameter, stored in
      let shape = parameter.value.shape
      return (stored.name, dtype, stored.isTransposed ? shape.reversed() : shape)
    }
    var writer = try SafetensorsWriter(
      path: path, tensors: tensors + zeros.map { ($0.name, dtype, $0.shape) },
      metadata: ["format": "pt"])
    for (name, shape) in zeros {
      let bytes = [UInt8](repeating: 0, count: shape.reduce(dtype.byteCount, *))
      try writer.append(unsafe bytes.span.bytes, to: name)
    }
    for (parameter, stored) in weights {
      var tensor = parameter.value.widened
      if stored.isTransposed { tensor = tensor.transposed() }
      if format == .float32 {
        try tensor.withSpan { try writer.append($0, to: stored.name) }
      } else {
        let wasFinite = tensor.elements.largestMagnitude.isFinite
        tensor.round(to: format)
        if wasFinite, !tensor.elements.largestMagnitude.isFinite {
          throw PretrainedError.tooLarge(stored.name, format: format.rawValue)
        }
        let bits = tensor.scalars.map { $0.bits(in: format) }
        try writer.append(bits.span, to: stored.name)
      }
    }
    try writer.finish()
  }
}

extension Float {
  /// The bits of a number that lies on the grid of a 16-bit format.
  fileprivate func bits(in format: NumberFormat) -> UInt16 {
    if format == .bfloat16 { return UInt16(bitPattern >> 16) }
    let sign = UInt16(bitPattern >> 16) & 0x8000
    if isNaN { return sign | 0x7E00 }
    let magnitude = Swift.abs(self)
    if magnitude > 65504 { return sign | 0x7C00 }
    // Below 2⁻¹⁴ numbers are multiples of 2⁻²⁴.
    if magnitude < 0x1p-14 { return sign | UInt16(magnitude * 0x1p24) }
    return sign | UInt16(truncatingIfNeeded: (magnitude.bitPattern >> 13) - (112 << 10))
  }
}
