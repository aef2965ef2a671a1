#!/usr/bin/env bash
# Builds the fuzz targets with the stable toolchain and runs them from the committed seeds, fails if one finds a crash.
#
# libFuzzer needs a compiler that counts which branches were taken. rustc can do that without a nightly: LLVM's pass for
# it is asked for by name. There is no address sanitizer, which takes a nightly and would find little in a crate that
# forbids unsafe code.

set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"

readonly SECONDS_EACH=${FUZZ_SECONDS:-60} AT_ONCE=${FUZZ_JOBS:-2}
readonly BUILD=$PWD/../target/fuzz

usage() {
  cat <<'TEXT'
usage: fuzz/run.sh [--lint | TARGET…]

Fuzzes these targets, or all of them.
  --lint            runs clippy on their code instead

  FUZZ_SECONDS=60   how long each
  FUZZ_JOBS=2       how many at once
TEXT
}

lint=
case ${1:-} in
  -h | --help)
    usage
    exit
    ;;
  --lint) lint=1 ;;
esac

host=$(rustc -vV | sed -n 's/^host: //p')
# With --target, flags are for the exporter and its crates, and not for what runs while they are built.
coverage=(-Cpasses=sancov-module)
for part in level=4 inline-8bit-counters pc-table trace-compares; do
  coverage+=("-Cllvm-args=-sanitizer-coverage-$part")
done
with_flags() {
  local command=$1
  shift
  RUSTFLAGS="--cfg fuzzing ${coverage[*]}" \
    cargo "$command" --locked --release --target "$host" --target-dir "$BUILD" "$@"
}

# With the flags of the build, which then finds there what was made for both: build scripts, macros, and AWS-LC.
if [[ -n $lint ]]; then
  with_flags clippy --all-targets -- -D warnings
  exit
fi
with_flags build

targets=("$@")
if [[ $# -eq 0 ]]; then
  for source in fuzz_targets/*.rs; do targets+=("$(basename "$source" .rs)"); done
fi

dictionary() {
  case $1 in
    config | config_secrets | web_config) echo -dict=dictionaries/yaml.dict ;;
    token_answer | ping_answer) echo -dict=dictionaries/json.dict ;;
  esac
}

fuzz() {
  local target=$1
  local log=$BUILD/$target.log status=0
  # What it finds on its way goes into corpus/, which git ignores, and is where the next run goes on.
  mkdir -p "corpus/$target" "artifacts/$target"
  # shellcheck disable=SC2046 # One word or none.
  "$BUILD/$host/release/$target" "corpus/$target" "seeds/$target" $(dictionary "$target") \
    -max_total_time="$SECONDS_EACH" -timeout=60 -print_final_stats=1 -artifact_prefix="artifacts/$target/" \
    >"$log" 2>&1 || status=$?
  if ((status != 0)); then
    tail -n 60 "$log" >&2
    printf '   ✗ %s found something; the input is in fuzz/artifacts/%s/\n' "$target" "$target" >&2
    return 1
  fi
  local executions edges
  executions=$(sed -n 's/^stat::number_of_executed_units: *//p' "$log")
  edges=$(grep -oE 'cov: [0-9]+' "$log" | tail -n 1)
  printf '   ✓ %-15s %10d executions in %d s, %s\n' "$target" "$executions" "$SECONDS_EACH" "$edges"
}

failed=0
running=0
for target in "${targets[@]}"; do
  if ((running == AT_ONCE)); then
    wait -n || failed=1
    running=$((running - 1))
  fi
  fuzz "$target" &
  running=$((running + 1))
done
while ((running > 0)); do
  wait -n || failed=1
  running=$((running - 1))
done
exit "$failed"
