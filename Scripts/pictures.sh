#!/usr/bin/env bash
# Makes the pictures at the top of the README from a real race and a real run, some minutes on two
# cores. Needs chromium, and pngquant if the files are to be small.
set -euo pipefail
case " $* " in *" --help "* | *" -h "*) sed -n '2,/^set/{/^#/s/^# \{0,1\}//p;}' "$0"; exit ;; esac
cd "$(dirname "$0")/.."
swift build -c release --product descent
descent=.build/release/descent
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

"$descent" race gpt --optimizers adamw,lion,muon,prodigy --seeds 3 --tune 3 \
  --set model.layers=2 --set steps=300 --set evaluate.every=25 --out "$work/race"
"$descent" train gpt --set model.layers=2 --set steps=600 --set evaluate.every=50 \
  --set instruments.every=20 --out "$work/gpt" --quiet
"$descent" report "$work/gpt"

# The upper part of a page, as wide as a laptop shows it.
picture() {
  chromium --headless --no-sandbox --disable-gpu --hide-scrollbars --force-device-scale-factor=1.5 \
    --window-size="1200,$3" --screenshot="$work/page.png" "file://$1" 2>/dev/null
  if command -v pngquant >/dev/null; then
    pngquant --force --output "$2" 64 "$work/page.png"
  else
    cp "$work/page.png" "$2"
  fi
}
picture "$work/race/report.html" Documentation/images/race.png 1150
picture "$work/gpt/report.html" Documentation/images/report.png 1250
ls -l Documentation/images
