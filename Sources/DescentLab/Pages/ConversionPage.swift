import Descent
public import DescentTraining

/// What became of the optimizer state of a checkpoint that was converted.
public enum ConversionPage {
  /// The checkpoint, the formats and what to do next.
  ///
  /// - Parameter path: what was written.
  public static func about(_ conversion: StateConversion, to path: String) -> Document {
    let uses = conversion.state.map { use in
      let reason = use.exemption.map { " (\($0))" } ?? ""
      return "state in \(use.format)\(reason): \(counted(use.slots, "slot")), \(bytes(use.bytes))"
    }
    let next =
      path.hasSuffix(".safetensors")
      ? "written: \(path)" : "to continue: descent train --resume \(path)"
    return Document(
      "\(conversion.checkpoint), after step \(conversion.step)",
      [.paragraph((uses + [next]).joined(separator: "\n"))])
  }
}
