#!/usr/bin/env bash
# Every model at 33 x 33 with the same budget of time, on the phantom with annotator noise.
# What is finished is not run again. Results: experiments/models/results.
set -euo pipefail
cd "$(dirname "$0")/../.."
OUT=outputs/models
SECONDS_EACH=${SECONDS_EACH:-60}
run() {  # folder, overrides
  .venv/bin/python -m fibsem.evaluate seeds=3 output="$OUT/$1" train.max_seconds="$SECONDS_EACH" \
    train.patience=null train.steps=100 "${@:2}"
}
run 2dcnn model=2dcnn nbhd=33x33x3
run mv2dcnn model=mv2dcnn nbhd=33x33x11
run triplanar model=triplanar nbhd=33x33x11
run multichannel model=multichannel nbhd=33x33x11
run 3dcnn model=3dcnn nbhd=33x33x11
run 1dcnn model=1dcnn nbhd=33x33x5
run unet model=unet nbhd=33x33x3
run unet-iou model=unet nbhd=33x33x3 train.loss=bce_iou
run forest model=forest nbhd=33x33x3
run threshold model=threshold nbhd=33x33x1
mkdir -p experiments/models/results
cp "$OUT"/tables-phantom/*.{csv,md,png} experiments/models/results/
