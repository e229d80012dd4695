#!/usr/bin/env bash
# Otsu, forest, U-Net, 2dcnn and 3dcnn on a real stack, same split, same budget of time.
# Give the folder of the stack: experiments/real/models.sh ../shared/data/flyem
set -euo pipefail
cd "$(dirname "$0")/../.."
DATA=${1:?folder of the dataset}
OUT=outputs/real-models
run() {  # folder, overrides
  .venv/bin/python -m fibsem.evaluate seeds=3 output="$OUT/$1" data.path="$DATA" \
    train.max_seconds="${SECONDS_EACH:-120}" train.patience=null train.steps=100 "${@:2}"
}
run threshold model=threshold nbhd=33x33x1
run forest model=forest nbhd=33x33x3
run unet model=unet nbhd=33x33x3
run 2dcnn model=2dcnn nbhd=33x33x3
run 3dcnn model=3dcnn nbhd=33x33x3
mkdir -p experiments/real/results/models
cp "$OUT"/tables-*/*.{csv,md,png} experiments/real/results/models/
