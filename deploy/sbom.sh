#!/usr/bin/env bash
# Writes what the program is made of, as CycloneDX 1.5 in JSON, to standard output: made with each release and image, from
# Cargo.lock as it is then, and not kept beside the sources, where it would be out of date.

set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

readonly TARGET=${1:-x86_64-unknown-linux-gnu}

if [[ ${1:-} == -* || $# -gt 1 ]]; then
  echo "usage: deploy/sbom.sh [TARGET] >oauth-probe-exporter.cdx.json   (x86_64-unknown-linux-gnu)" >&2
  exit 2
fi

# The one that tests/run.sh has put there, if the machine has none.
PATH=$PATH:$PWD/.test-deps/bin
command -v cargo-cyclonedx >/dev/null || {
  echo "cargo-cyclonedx is missing: cargo install --locked cargo-cyclonedx, or tests/run.sh --only-setup" >&2
  exit 1
}

# It writes beside the manifest, and names the folder in what it writes: so it gets one of its own.
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cp Cargo.toml Cargo.lock build.rs "$folder"
mkdir "$folder/src"
touch "$folder/src/main.rs" "$folder/src/lib.rs"

# The same sources give the same file: cargo-cyclonedx then writes neither the time nor a number of its own.
export SOURCE_DATE_EPOCH=${SOURCE_DATE_EPOCH:-$(git log -1 --format=%ct 2>/dev/null || echo 0)}
cargo cyclonedx --quiet --manifest-path "$folder/Cargo.toml" --format json --spec-version 1.5 --target "$TARGET" \
  --override-filename sbom >&2
cmp -s Cargo.lock "$folder/Cargo.lock" || {
  echo "Cargo.lock does not fit Cargo.toml" >&2
  exit 1
}
sed "s|path+file://$folder#|path+file:///oauth-probe-exporter#|g" "$folder/sbom.json"
