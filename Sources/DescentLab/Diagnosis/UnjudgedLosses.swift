extension RunLog {
  /// Whether an agent learned from what it did itself.
  var isOfAgent: Bool { tracks["episode_return"] != nil || tracks["val_return"] != nil }

  /// Whether two networks learned against each other.
  private var isOfAdversaries: Bool { tracks["d_loss"] != nil && tracks["g_loss"] != nil }

  /// Why its losses do not say how training went, and what does; nil where they do.
  var whyLossesNeedNotFall: String? {
    if isOfAgent {
      return "an agent learns from what it does itself, so they need not fall. Its return says it "
        + "(episode_return, val_return)"
    }
    if isOfAdversaries {
      return
        "two networks learn against each other, so neither needs to fall. What is made says it "
        + "(val_quality, samples), and whether the two are even (d_real, d_fake)"
    }
    return nil
  }

  /// The log without what cannot be judged by itself. What an agent sees follows from what it does, so its
  /// losses jump with each rollout and need not fall; and that its gradients are nearly always
  /// clipped is customary. The loss of adversaries rises where one of them gets better.
  var judged: RunLog {
    guard whyLossesNeedNotFall != nil else { return self }
    var log = self
    for name in ["loss", "val_loss", "val_loss_raw", "clipped", "clip_norm"] {
      log.tracks[name] = nil
    }
    return log
  }

  /// Kinds of findings that are no fault of agents: their gradients are nearly always clipped, since
  /// values have large errors (Huang et al., 2022).
  static let customaryOfAgents: Set = [ClipTooTight.name]
}
