# syntax=docker/dockerfile:1

# Both base images are pinned by tag alone: a tag moves, with Debian's security updates among other things. Whoever builds
# for others pins what a tag means that day: `docker buildx imagetools inspect IMAGE` shows the digest to append as
# @sha256:… (docs/supply-chain.md). None stands here because none could be looked up where this file is kept.
FROM rust:1.95-slim-bookworm AS build
WORKDIR /build

# The dependencies alone first: this layer is built again only when Cargo.toml or Cargo.lock changes.
COPY Cargo.toml Cargo.lock build.rs ./
RUN mkdir src \
    && echo 'fn main() {}' > src/main.rs \
    && touch src/lib.rs \
    && cargo build --release --locked

# Shown by oauth_probe_build_info.
ARG REVISION=unknown
ENV BUILD_REVISION=${REVISION}

# The touch tells cargo that the sources are newer than the stand-ins it has just built.
COPY src src
RUN touch src/main.rs src/lib.rs \
    && cargo build --release --locked

# glibc, CA certificates and time zones; no shell, no package manager.
FROM gcr.io/distroless/cc-debian12:nonroot

ARG VERSION=0.1.0
ARG REVISION=unknown
LABEL org.opencontainers.image.title="oauth-probe-exporter" \
      org.opencontainers.image.description="Prometheus exporter that probes OAuth 2.0-protected APIs: token, ping, and whose fault it is when they fail" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}"

COPY --from=build /build/target/release/oauth-probe-exporter /oauth-probe-exporter

# By number, so that Kubernetes' runAsNonRoot can see that it is not root. Nothing is written: a read-only root will do.
USER 65532:65532
EXPOSE 10917
HEALTHCHECK --interval=30s --timeout=5s --start-period=5s CMD ["/oauth-probe-exporter", "healthcheck"]
ENTRYPOINT ["/oauth-probe-exporter"]
