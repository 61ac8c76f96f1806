// What only runs of Descent write down: a log is not recognized by these names.
extension Metric {
  /// Metrics of rules, tasks and instruments, in the order in which they are best shown.
  public static let own = [
    // MARK: Tasks
    Metric(
      "train_accuracy", "Training accuracy", range: share,
      meaning: "The share of a batch that the weights before its step take for the right class."),
    Metric(
      "val_old", "Validation loss on what was known before", range: notNegative,
      meaning: "Where it rises above its first value, the model forgets."),
    Metric(
      "val_quality", "Quality of the images that are made", range: notNegative,
      meaning:
        "Of a GAN the inception score, from 1 to the number of classes; of a diffusion model the "
        + "share of images that are read as the class they were asked for."),
    Metric(
      "val_old_quality", "Quality of images of the classes that are left out", range: share,
      meaning: "The share of them that are read as the class they were asked for."),
    Metric(
      "val_confidence", "Confidence of the judge", range: share,
      meaning: "The mean of the largest probability that a classifier gives an image that is made."),
    Metric(
      "val_diversity", "Diversity of the images that are made", unit: "classes",
      range: 1...Double.infinity,
      meaning: "How many classes they have, by the judge: 1 where all are alike."),
    Metric("d_loss", "Discriminator's loss", unit: "nats", range: notNegative),
    Metric("g_loss", "Generator's loss", unit: "nats", range: notNegative),
    Metric(
      "d_real", "Real images: how sure the discriminator is", range: share,
      meaning: "The mean probability of being real that it gives real images."),
    Metric(
      "d_fake", "Made images: how far they deceive", range: share,
      meaning:
        "The mean probability of being real that the discriminator gives images that are made; "
        + "0.5 where it cannot tell."),
    // MARK: Rules
    Metric(
      "d_hat_max", "Largest estimate of d", log: true, family: true, range: notNegative,
      meaning: "d itself grows to it by at most growth_rate a step."),
    Metric(
      "numerator_weighted", "Numerator of d", log: true, family: true,
      meaning: "d grows to this over the denominator, where that is more."),
    Metric(
      "d_denom", "Denominator of d", log: true, family: true, range: notNegative,
      meaning: "What the numerator is divided by for an estimate of d."),
    Metric(
      "k", "Steps that the rule has counted", unit: "steps", family: true, range: notNegative,
      meaning: "Steps whose gradient is 0 everywhere do not count."),
    Metric(
      "weight_sum", "Sum of the weights in the average", family: true, range: notNegative,
      meaning: "The newest point counts as much as its own weight has of this sum."),
    Metric(
      "lr_max", "Largest learning rate so far", family: true, range: notNegative,
      meaning: "Points count in Schedule-Free's average by its square."),
    Metric(
      "trust_ratio_min", "Smallest trust ratio", log: true, range: notNegative,
      meaning:
        "What the rate of a tensor is multiplied by, so that its step suits the length of its "
        + "weights; here the tensor with the least."),
    Metric(
      "trust_ratio_median", "Median trust ratio", log: true, range: notNegative,
      meaning:
        "What the rate of a tensor is multiplied by, so that its step suits the length of its "
        + "weights; half of the tensors have less."),
    Metric(
      "trust_ratio_max", "Largest trust ratio", log: true, range: notNegative,
      meaning:
        "What the rate of a tensor is multiplied by, so that its step suits the length of its "
        + "weights; here the tensor with the most."),
    Metric(
      "kfac_failures", "Layers without new statistics", unit: "layers", range: notNegative,
      meaning: "K-FAC goes on with their last good ones."),
    Metric(
      "curvature_folded", "Estimates of the curvature that were taken in", range: share,
      meaning: "1 where Sophia used the estimate that was due, 0 where it refused it."),
    Metric("final_loss", "Loss at the end of the step", range: notNegative),
    Metric("iterations", "Iterations of a step", range: notNegative),
    Metric("evaluations", "Evaluations of the loss in a step", range: notNegative),
    // MARK: Instruments
    Metric("update_norm", "Update norm", log: true, range: notNegative),
    Metric(
      "update_norm_median", "Median update norm", log: true, range: notNegative,
      meaning: "Of the updates before a spike."),
    Metric(
      "group_weight_norm", "Weight norm of a group", log: true, family: true, range: notNegative),
    Metric(
      "group_grad_norm", "Gradient norm of a group", log: true, family: true, range: notNegative),
    Metric(
      "group_distance", "Distance of a group from the beginning", log: true, family: true,
      range: notNegative),
  ]
}
