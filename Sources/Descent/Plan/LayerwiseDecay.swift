import Foundation

/// Learning rates that fall from the top of the network to its bottom:
/// ``ParameterGroup/layerwise(_:_:_:_:)`` says how.
public struct LayerwiseDecay: Configurable, Equatable {
  /// What the learning rate is multiplied by from each layer to the one below; nil: nothing.
  public var decay: Double?

  public init() {}

  public static let name = "optimizer"
  public static let settings: [Setting<LayerwiseDecay>] = [
    .optionalNumber(
      "layer_decay", \.decay, .aboveUpTo(0, 1),
      "the learning rate of a layer as a share of that of the layer above")
  ]
}

extension ParameterGroup {
  /// `groups` with learning rates that fall from the top of the network to its bottom: each is split
  /// by layer.
  ///
  /// ```
  /// η of layer l = η·decay^(L + 1 − l)
  /// ```
  /// A parameter's layer is the first number in its name (`h.3.mlp.c_fc.weight`), counted from 1;
  /// embeddings, and what comes before the first layer, have 0, and what comes after the last L + 1,
  /// where L is the number of layers. Clark et al.: ELECTRA, 2020, arXiv:2003.10555.
  ///
  /// - Parameters:
  ///   - decay: above 0, at most 1.
  ///   - groups: as for ``OptimizerPlan``.
  ///   - parameters: in the order of the network.
  ///   - rule: whose learning rate a group has that sets none.
  /// - Throws: ``OptimizerError`` when a group's settings are refused.
  public static func layerwise(
    _ decay: Double, _ groups: [ParameterGroup], _ parameters: [ParameterInfo], _ rule: any Rule
  ) throws(OptimizerError) -> [ParameterGroup] {
    // What no network has as many layers as is no layer's number.
    let numbers = parameters.map { parameter in
      parameter.name.split(separator: ".").lazy.compactMap { Int($0) }.first {
        (0..<1_000_000).contains($0)
      }
    }
    let count = (numbers.compactMap(\.self).max() ?? -1) + 1
    let first = numbers.firstIndex { $0 != nil } ?? parameters.count
    let layers = parameters.indices.map { index in
      if let number = numbers[index] { return number + 1 }
      return parameters[index].role == .embedding || index < first ? 0 : count + 1
    }
    let all = groups + [.rest]
    let owners = parameters.map { parameter in all.firstIndex { $0.match.matches(parameter) } }
    var result: [ParameterGroup] = []
    for (index, group) in all.enumerated() {
      let members = parameters.indices.filter { owners[$0] == index }
      for (layer, members) in Dictionary(grouping: members, by: { layers[$0] }).sorted(by: {
        $0.key < $1.key
      }) {
        var part = group
        part.name = "\(group.name).\(layer)"
        part.match = ParameterMatch(names: members.map { parameters[$0].name })
        if !part.isFrozen {
          let own: any Rule = part.rule ?? rule
          let rate = try part.learningRate(of: own) * pow(decay, Double(count + 1 - layer))
          part.settings = part.settings.filter { $0.name != "lr" } + [("lr", plain(rate))]
        }
        result.append(part)
      }
    }
    return result
  }

  /// η of `rule` with this group's hyperparameters.
  private func learningRate<R: Rule>(of rule: R) throws(OptimizerError) -> Double {
    let rule = try applied(to: rule)
    if R.settings.contains(where: { $0.name == "lr" && $0.value(rule) == .none }) {
      throw .scheduleOfNone(setting: "lr", rule: R.name)
    }
    return rule.learningRate
  }

  /// A product without the last digits, which are the rounding's: 0.000512, not
  /// 0.0005120000000000001.
  private static func plain(_ x: Double) -> String {
    SettingValue.text(of: Double(String(format: "%.15g", x)) ?? x)
  }
}
