extension RunLog {
  /// Whether an agent learned from what it did itself.
  var isOfAgent: Bool { tracks["episode_return"] != nil || tracks["val_return"] != nil }

  /// The log without what cannot be judged by itself. What an agent sees follows from what it does, so its
  /// losses jump with each rollout and need not fall.
  var judged: RunLog {
    guard isOfAgent else { return self }
    var log = self
    for name in ["loss", "val_loss", "val_loss_raw"] { log.tracks[name] = nil }
    return log
  }

  /// Kinds of findings that are no fault of agents: their gradients are nearly always clipped, since
  /// values have large errors (Huang et al., 2022).
  static let customaryOfAgents: Set = [ClipTooTight.name]
}
