import DescentLab
import DescentTraining

extension FuzzTarget {
  /// Configurations of other tools, in any of the three formats.
  static let configuration = FuzzTarget(
    name: "configuration", maximumLength: 4096,
    seeds: {
      [
        "{\"per_device_train_batch_size\": 8, \"warmup_steps\": 0.1, \"max_steps\": 100}",
        "micro_batch_size: 2\nbase_model: x\nlearning_rate: 2e-4\nlr_scheduler: rex\n",
        "network_module = \"networks.lora\"\nlr_warmup_steps = 0.1\nlr_scheduler = \"cosine\"\n",
        "{\"training_method\": \"LORA\", \"epochs\": 3, \"optimizer\": {\"optimizer\": \"LION\"}}",
      ].map { Array($0.utf8) }
    },
    read: { bytes in
      let path = Scratch.write(bytes, to: "configuration")
      guard let found = try ForeignConfiguration.read(path: path, examples: 1000, ranks: 2) else {
        return
      }
      // Its recipe is one.
      _ = try Recipe(yaml: found.recipe)
      let report = try LintReport(found, called: "configuration")
      _ = try LintPage.about(report, of: found).text(width: 80)
    })
}
