#!/usr/bin/env bash
# Whether data larger than memory are whitened in little of it: 20 GB of rows, and 500 rows of 200,000 features, each fitted and applied in a
# process of at most 1 GB of memory of its own (RssAnon). Needs the built command and 42 GB under target, which it gives back.
#   benchmarks/big-files.sh [FEATURES [THREADS]]
# FEATURES of the 20 GB, with which the time grows; THREADS of BLAS, of which fewer are faster where others use the cores.
set -euo pipefail
cd "$(dirname "$0")/.."
tensorseed=target/tensorseed/bin/tensorseed
[ -x $tensorseed ] || { echo "build it first: mvn -q -DskipTests package" >&2; exit 2; }
features=${1:-256}
threads=${2:-$(nproc)}
rows=$((20000000000 / 4 / features))
limit=1000000 # kB
dir=target/big-files
mkdir -p $dir
trap 'rm -rf $dir' EXIT

# The most that a command and its children had, sampled ten times a second; fails beyond the limit.
within_limit() {
  local started=$SECONDS peak=0
  "$@" &
  local pid=$!
  while kill -0 $pid 2>/dev/null; do
    local sum=0
    for each in $pid $(pgrep -P $pid || true); do
      sum=$((sum + $(awk '/^RssAnon/ { print $2 }' /proc/"$each"/status 2>/dev/null || true) + 0))
    done
    peak=$((sum > peak ? sum : peak))
    sleep 0.1
  done
  wait $pid
  echo "  peak of RssAnon: $((peak / 1000)) MB, $((SECONDS - started)) s"
  [ $peak -gt 0 ] && [ $peak -le $limit ]
}

$tensorseed init --tensor "x:F32[$rows,$features]=normal(0, 1)" --device cpu --out $dir/tall.npy
within_limit $tensorseed zca fit --device cpu --threads $threads --data $dir/tall.npy --out $dir/tall.safetensors
within_limit $tensorseed zca apply --device cpu --threads $threads --with $dir/tall.safetensors --data $dir/tall.npy --out $dir/white.npy
rm $dir/tall.npy $dir/white.npy
$tensorseed init --tensor 'x:F32[500,200000]=normal(0, 1)' --device cpu --out $dir/wide.npy
within_limit $tensorseed zca fit --device cpu --threads $threads --data $dir/wide.npy --out $dir/wide.safetensors
within_limit $tensorseed zca apply --device cpu --threads $threads --with $dir/wide.safetensors --data $dir/wide.npy --out $dir/white.npy
