"""Reads event files with TensorBoard's own reader, and prints what they say as JSON.

    python3 References/tensorboard_events.py FOLDER

FOLDER holds the event files of one run. For each tag of numbers: the steps, the values. The tests of
DescentLab compare this with what a run's metrics say (`TensorBoardReaderTests`); they are skipped where
PyPI's `tensorboard` is not installed (tested with 2.21).
"""

import json
import sys

from tensorboard.backend.event_processing import event_accumulator

accumulator = event_accumulator.EventAccumulator(
    sys.argv[1], size_guidance={event_accumulator.SCALARS: 0, event_accumulator.TENSORS: 0}
)
accumulator.Reload()
found = {}
for tag in accumulator.Tags()["scalars"]:
    events = accumulator.Scalars(tag)
    found[tag] = {"steps": [e.step for e in events], "values": [str(e.value) for e in events]}
json.dump(found, sys.stdout)
