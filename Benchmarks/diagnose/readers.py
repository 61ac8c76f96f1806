"""Reads the logs of labelled runs into rows, whatever tool wrote them."""

import csv
import glob
import json
import os
import struct


def read(path):
    """The columns of a log in the order they are met, and its rows: dictionaries of texts."""
    if path.endswith(".csv"):
        with open(path, newline="") as file:
            table = csv.DictReader(file)
            return list(table.fieldnames), [dict(row) for row in table]
    if path.endswith(".json"):
        with open(path) as file:
            return columned(json.load(file)["log_history"])
    if os.path.isdir(path) and os.path.exists(os.path.join(path, "metrics.jsonl")):
        path = os.path.join(path, "metrics.jsonl")
    if path.endswith(".jsonl"):
        with open(path) as file:
            return columned([json.loads(line) for line in file if line.strip()])
    rows = {}
    for name in sorted(glob.glob(os.path.join(path, "**", "events.out.tfevents*"), recursive=True)):
        for step, tag, value in scalars(name):
            rows.setdefault(step, {"step": step})[tag] = value
    return columned([rows[step] for step in sorted(rows)])


def columned(objects):
    """Objects as rows: what is nested is joined by slashes, what is no number or text left out."""
    rows = [dict(flat(o)) for o in objects]
    return list(dict.fromkeys(key for row in rows for key in row)), rows


def flat(value, name=""):
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from flat(inner, f"{name}/{key}" if name else key)
    elif isinstance(value, bool):
        yield name, str(int(value))
    elif isinstance(value, (int, float, str)):
        yield name, str(value)


# MARK: TensorBoard's files of events

def scalars(path):
    with open(path, "rb") as file:
        data = file.read()
    place = 0
    while place + 12 <= len(data):
        (length,) = struct.unpack_from("<Q", data, place)
        event = data[place + 12:place + 12 + length]
        place += 16 + length
        step, summary = 0, None
        for field, value in fields(event):
            step, summary = (value, summary) if field == 2 else (
                (step, value) if field == 5 else (step, summary))
        for field, part in fields(summary or b""):
            if field != 1:
                continue
            tag, number = None, None
            for inner, value in fields(part):
                if inner == 1:
                    tag = value.decode()
                elif inner == 2:
                    (number,) = struct.unpack("<f", value)
                elif inner == 8:
                    number = tensor(value)
            if tag is not None and number is not None:
                yield step, tag, repr(number)


def tensor(data):
    kind, number = 1, None
    for field, value in fields(data):
        if field == 1:
            kind = value
        elif field in (4, 5) and len(value) >= (4 if kind == 1 else 8):
            number = struct.unpack_from("<f" if kind == 1 else "<d", value)[0]
    return number


def fields(data):
    """The fields of a message of Protocol Buffers: their numbers and values."""
    place = 0

    def varint():
        nonlocal place
        value, shift = 0, 0
        while True:
            byte = data[place]
            place += 1
            value |= (byte & 127) << shift
            shift += 7
            if byte < 128:
                return value

    while place < len(data):
        key = varint()
        kind = key & 7
        if kind == 0:
            yield key >> 3, varint()
        else:
            size = {1: 8, 5: 4}.get(kind) or varint()
            yield key >> 3, data[place:place + size]
            place += size
