import DescentLab
import DescentTraining
import Testing

/// What each tool writes, and what is read from it.
@Suite struct LogFormatTests {
  let files: LogFiles
  init() throws { files = try LogFiles() }

  struct Case: Sendable, CustomTestStringConvertible {
    let tool: String
    var file = "run.csv"
    let text: String
    let tracks: [String: String]
    var notes: [String] = []
    var testDescription: String { tool }
  }

  static let cases: [Case] = [
    Case(
      tool: "a table", text: "step,loss,lr,grad-norm\n1,2.5,0.1,3\n2,2,0.05,1e1\n",
      tracks: ["loss": "1:2.5 2:2", "lr": "1:0.1 2:0.05", "grad_norm": "1:3 2:10"]),
    Case(
      tool: "semicolons, a BOM, CRLF and quotes",
      text:
        "\u{FEFF}\"Step\";\"Train Loss\";\"Learning Rate\"\r\n\"1\";\"2.5\"; 1e-3\r\n2;2;1e-4\r\n",
      tracks: ["loss": "1:2.5 2:2", "lr": "1:0.001 2:0.0001"]),
    Case(
      tool: "tabs", file: "run.tsv", text: "iter\ttrain/loss\tval/loss\n0\t4\t4.25\n10\t3\t3.5\n",
      tracks: ["loss": "0:4 10:3", "val_loss": "0:4.25 10:3.5"]),
    Case(
      tool: "numbers that are none",
      text: "step,loss,lr\n1,NaN,1\n2,inf,None\n3,-inf,\n4,nan,null\n5,-Infinity,2\n",
      tracks: ["loss": "1:nan 2:inf 3:-inf 4:nan 5:-inf", "lr": "1:1 5:2"]),
    Case(
      tool: "comments", text: "# made by hand\n# step,loss\n1,2\n# in the middle\n2,1\n",
      tracks: ["loss": "1:2 2:1"]),
    Case(
      tool: "Lightning", file: "metrics.csv",
      text: """
        epoch,lr-AdamW,step,train_loss_epoch,train_loss_step,val_loss
        ,0.001,0,,,
        0,,49,,1.5,
        0,,49,,,2
        0,,49,1.75,,
        1,,99,,1.25,

        """,
      tracks: [
        "lr": "0:0.001", "loss": "49:1.5 99:1.25", "smoothed_loss": "49:1.75", "val_loss": "49:2",
        "epoch": "49:0 99:1",
      ]),
    Case(
      tool: "Keras",
      text: "epoch,accuracy,loss,val_accuracy,val_loss\n0,0.5,2,0.4,2.5\n1,0.6,1,0.5,2\n",
      tracks: [
        "accuracy": "0:0.5 1:0.6", "loss": "0:2 1:1", "val_accuracy": "0:0.4 1:0.5",
        "val_loss": "0:2.5 1:2", "epoch": "0:0 1:1",
      ]),
    Case(
      tool: "fastai",
      text: "epoch,train_loss,valid_loss,accuracy,time\n0,2,2.5,0.4,00:12\n1,1,2,0.5,00:11\n",
      tracks: [
        "loss": "0:2 1:1", "val_loss": "0:2.5 1:2", "accuracy": "0:0.4 1:0.5", "epoch": "0:0 1:1",
      ]),
    Case(
      tool: "ultralytics", file: "results.csv",
      text: """
                          epoch,         train/box_loss,      metrics/mAP50(B),                lr/pg0
                              0,                   1.25,                   0.5,                 0.001
                              1,                      1,                  0.75,                 0.002

        """,
      tracks: [
        "epoch": "0:0 1:1", "train/box_loss": "0:1.25 1:1", "metrics/mAP50(B)": "0:0.5 1:0.75",
        "lr/pg0": "0:0.001 1:0.002", "lr": "0:0.001 1:0.002", "loss": "0:1.25 1:1",
      ], notes: ["“loss” is “train/box_loss”: the log has no total."]),
    Case(
      tool: "a loss scale, which is no part of a loss",
      text: "step,loss_scale,val_loss\n0,65536,4\n1,32768,3\n",
      tracks: ["loss_scale": "0:65536 1:32768", "val_loss": "0:4 1:3"]),
    Case(
      tool: "parts of a loss",
      text: "step,train/box_loss,train/cls_loss,val/box_loss\n0,2,1,4\n1,1,0.5,3\n",
      tracks: [
        "train/box_loss": "0:2 1:1", "train/cls_loss": "0:1 1:0.5", "val/box_loss": "0:4 1:3",
        "loss": "0:3 1:1.5", "val_loss": "0:4 1:3",
      ],
      notes: [
        "“loss” is the sum of “train/box_loss” and “train/cls_loss”: the log has no total.",
        "“val_loss” is “val/box_loss”: the log has no total.",
      ]),
    Case(
      tool: "steps that begin again with each epoch",
      text: "epoch,batch,loss\n0,0,4\n0,1,3\n1,0,2\n1,1,1\n",
      tracks: ["loss": "0:4 1:3 2:2 3:1", "epoch": "0:0 1:0 2:1 3:1"],
      notes: ["Its steps begin again with each epoch; they were counted on."]),
    Case(
      tool: "no steps", text: "loss,lr\n3,1\n2,1\n", tracks: ["loss": "1:3 2:2", "lr": "1:1 2:1"],
      notes: ["It has no column of steps; its rows were counted."]),
    Case(
      tool: "TensorBoard's table of a tag", file: "run-exp1-tag-train_loss.csv",
      text: "Wall time,Step,Value\n1700000000.1,10,2.5\n1700000001.1,20,2\n",
      tracks: ["loss": "10:2.5 20:2"]),
    Case(
      tool: "TensorBoard's JSON of a tag", file: "run-exp1-tag-eval_loss.json",
      text: "[[1700000000.1, 10, 2.5], [1700000001.1, 20, NaN]]",
      tracks: ["val_loss": "10:2.5 20:nan"]),
    Case(
      tool: "kohya",
      text:
        "step,loss/current,loss/average,lr/unet,lr/d*lr/unet,loss/validation/step_average\n1,2,2.5,1,0.001,3\n",
      tracks: [
        "loss": "1:2", "smoothed_loss": "1:2.5", "lr/unet": "1:0.001", "base_lr/unet": "1:1",
        "lr": "1:0.001", "val_loss": "1:3",
      ]),
    Case(
      tool: "OneTrainer",
      text:
        "step,loss/train_step,smooth loss/train_step,lr/unet,lr/text encoder,loss/validation_step/total_average,loss/validation_step/cats\n1,2,2.5,1,2,3,4\n",
      tracks: [
        "loss": "1:2", "smoothed_loss": "1:2.5", "lr/unet": "1:1", "lr/text encoder": "1:2",
        "val_loss": "1:3", "val_loss/cats": "1:4",
      ]),
    Case(
      tool: "d beside the base rate", text: "step,loss,lr,d\n1,2,1,1e-6\n2,1,0.5,1e-4\n",
      tracks: [
        "loss": "1:2 2:1", "base_lr": "1:1 2:0.5", "lr": "1:1e-06 2:5e-05", "d": "1:1e-06 2:0.0001",
      ], notes: ["“lr” is d times the rate that the log gives, which is “base_lr” here."]),
    Case(
      tool: "a threshold", text: "step,grad_norm,max_grad_norm\n1,0.5,1\n2,2,1\n3,nan,1\n",
      tracks: [
        "grad_norm": "1:0.5 2:2 3:nan", "clip_norm": "1:1 2:1 3:1", "clipped": "1:0 2:1 3:nan",
      ]),
    Case(
      tool: "NaN for empty cells", text: "step,loss,val_loss\n1,5,nan\n2,4,nan\n3,3,2\n4,2,nan\n",
      tracks: ["loss": "1:5 2:4 3:3 4:2", "val_loss": "3:2"],
      notes: [
        "“val_loss” has numbers only in 1 of 4 rows; NaN in the others was taken as empty."
      ]),
    Case(
      tool: "Descent", file: "metrics.jsonl",
      text: """
        {"step": 1, "loss": 2.5, "lr": 0.1, "grad_norm": 3, "clipped": true, "applied": true, "seconds": 0.5, "lr.a": 0.1, "lr.b": 0.2, "d.a": 1}
        {"step": 2, "loss": null, "applied": false, "skipped": "the gradient of \\"w\\" is NaN", "loss_scale": 8}
        {"step": 2, "loss": 2, "lr": 0.1, "grad_norm": 3, "clipped": false, "applied": true, "seconds": 0.5}
        {"step": 2, "val_loss": 2.25, "val_accuracy": 0.5}
        {"step": 3, "loss": 9, "lr": 0.1, "grad_norm": 3, "clipped": false, "applied": true, "seconds": 0.5}
        {"step": 3, "update_norm": 50, "update_norm_median": 2.5, "went_back_to": 1}
        {"step": 2, "loss": 1.5, "lr": 0.1, "grad_norm": 3, "clipped": false, "applied": true, "seconds": 0.5}
        {"step": 2, "instrument_seconds": 0.25, "update_ratio/w.a": 0.125, "histograms": {"weight/w.a": {"from": 0, "to": 1, "counts": [1, 2]}}}

        """,
      tracks: [
        "loss": "1:2.5 2:1.5", "lr": "1:0.1 2:0.1", "grad_norm": "1:3 2:3", "clipped": "1:1 2:0",
        "applied": "1:1 2:1", "seconds": "1:0.5 2:0.5", "lr/a": "1:0.1", "lr/b": "1:0.2",
        "d/a": "1:1", "instrument_seconds": "2:0.25", "update_ratio/w.a": "2:0.125",
      ]),
    Case(
      tool: "JSON lines of others", file: "log.jsonl",
      text: """
        {"_step": 1, "train/loss": 2.5, "_timestamp": 1.7e9, "text": "x", "lr": "1e-3"}
        {"_step": 2, "train/loss": NaN, "eval": {"loss": 2, "acc": 0.5}, "list": [1, {"a": "]"}], "done": true}

        """,
      tracks: [
        "loss": "1:2.5 2:nan", "lr": "1:0.001", "val_loss": "2:2", "val_accuracy": "2:0.5",
        "done": "2:1",
      ]),
    Case(
      tool: "lines of an epoch each", file: "log.txt",
      text: "{\"train_lr\": 0.1, \"train_loss\": 2, \"test_loss\": 3, \"epoch\": 0}\n"
        + "{\"train_lr\": 0.2, \"train_loss\": 1, \"test_loss\": 2, \"epoch\": 1}",
      tracks: [
        "lr": "0:0.1 1:0.2", "loss": "0:2 1:1", "val_loss": "0:3 1:2", "epoch": "0:0 1:1",
      ]),
    Case(
      tool: "trainer_state.json", file: "trainer_state.json",
      text: """
        {"best_metric": null, "epoch": 2.0, "global_step": 20, "is_local_process_zero": true,
         "log_history": [
          {"epoch": 1.0, "grad_norm": 1.5, "learning_rate": 5e-05, "loss": 2.5, "step": 10},
          {"epoch": 1.0, "eval_loss": 2.25, "eval_runtime": 3.5, "step": 10},
          {"epoch": 2.0, "grad_norm": NaN, "learning_rate": 0.0, "loss": 2.0, "step": 20},
          {"epoch": 2.0, "step": 20, "total_flos": 1e9, "train_loss": 2.25, "train_runtime": 9.5}
         ], "max_steps": 20, "num_train_epochs": 2, "train_batch_size": 8, "trial_name": null}
        """,
      tracks: [
        "epoch": "10:1 20:2", "grad_norm": "10:1.5 20:nan", "lr": "10:5e-05 20:0",
        "loss": "10:2.5 20:2", "val_loss": "10:2.25", "eval_runtime": "10:3.5",
      ], notes: ["The mean loss over the run is 2.25."]),
    Case(
      tool: "Keras' history", file: "history.json",
      text: "{\"loss\": [2, 1], \"val_loss\": [3, 2]}",
      tracks: ["loss": "1:2 2:1", "val_loss": "1:3 2:2"],
      notes: ["It has no steps; its rows were counted."]),
    Case(
      tool: "records in JSON", file: "log.json",
      text: "[{\"step\": 1, \"loss\": 2}, {\"step\": 2, \"loss\": 1.5}]",
      tracks: ["loss": "1:2 2:1.5"]),
  ]

  @Test(arguments: cases) func tool(_ c: Case) throws {
    let log = try files.log(c.text, name: c.file)
    #expect(log.text == c.tracks)
    #expect(log.notes == c.notes)
  }

  @Test func eventsOfDescent() throws {
    let c = try #require(Self.cases.first { $0.tool == "Descent" })
    let log = try files.log(c.text, name: c.file)
    #expect(log.format == .descent)
    #expect(
      log.events == [
        .init(.skipped, step: 2, text: "the gradient of \"w\" is NaN"),
        .init(
          .spike, step: 3,
          text: "After step 3 the run went back to step 1: the update's norm was 50, its median "
            + "before 2.5."),
      ])
    #expect(
      log.histograms == ["weight/w.a": [.init(step: 2, edges: [0, 0.5, 1], counts: [1, 2])]])
  }

  @Test func exportsOfSeveralRuns() throws {
    let logs = try files.logs(
      """
      "Step","a - b - train/loss","a - b - train/loss__MIN","a - b - train/loss__MAX","c - train/loss"
      "1","2.5","2.5","2.5",""
      "2","2","2","2","3"

      """)
    #expect(logs.map(\.name) == ["a - b", "c"])
    #expect(logs.map(\.text) == [["loss": "1:2.5 2:2"], ["loss": "2:3"]])
  }

  @Test func settingsOfTrainerState() throws {
    let c = try #require(Self.cases.first { $0.tool == "trainer_state.json" })
    let log = try files.log(c.text, name: c.file)
    #expect(log.settings.map { "\($0.key)=\($0.value)" } == ["steps=20", "epochs=2", "batch=8"])
    #expect(log.state == .finished)
  }
}
