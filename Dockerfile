# syntax=docker/dockerfile:1
# stile in a small image: no compiler, no shell login, not root, nothing writable but the journal.
#
#   docker build -t stile .                  the proxy
#   docker build -t stile-kit --target kit . the kit's issuer and upstream, for trying things out

FROM rust:1.95-slim-bookworm AS built
RUN apt-get update \
    && apt-get install --yes --no-install-recommends gcc g++ libc6-dev make \
    && rm -rf /var/lib/apt/lists/*
WORKDIR /source
COPY . .
RUN --mount=type=cache,target=/usr/local/cargo/registry --mount=type=cache,target=/source/target \
    cargo build --locked --release -p stile \
    && install -D -m 0755 target/release/stile /out/stile

FROM built AS built-kit
RUN --mount=type=cache,target=/usr/local/cargo/registry --mount=type=cache,target=/source/target \
    cargo build --locked --release -p stile-kit --bins \
    && install -D -m 0755 -t /out target/release/stile-kit-issuer target/release/stile-kit-upstream

# Never published: it holds programs that mint tokens.
FROM debian:bookworm-slim AS kit
COPY --from=built-kit /out/stile-kit-issuer /out/stile-kit-upstream /usr/local/bin/
USER 10001:10001

FROM debian:bookworm-slim AS stile
RUN apt-get update \
    && apt-get install --yes --no-install-recommends ca-certificates \
    && rm -rf /var/lib/apt/lists/* \
    && groupadd --system --gid 10001 stile \
    && useradd --system --uid 10001 --gid 10001 --home-dir /etc/stile --shell /usr/sbin/nologin stile \
    && install -d -o 10001 -g 10001 -m 0700 /var/lib/stile/journal
COPY --from=built /out/stile /usr/local/bin/stile
# An example to start from: mount your own stile.yaml, policies, certs and secrets over it.
COPY --chown=0:0 policies /etc/stile/policies
COPY --chown=0:0 stile.yaml /etc/stile/stile.yaml
COPY LICENSE /usr/share/doc/stile/LICENSE
# The admin listener stays inside: publish it only to your monitoring.
ENV STILE_JOURNAL__FOLDER=/var/lib/stile/journal \
    STILE_ADMIN__ADDRESS=127.0.0.1:9090
USER 10001:10001
WORKDIR /etc/stile
VOLUME /var/lib/stile/journal
EXPOSE 8443
# Liveness only; readiness (/readyz) also asks issuers and is for the load balancer.
HEALTHCHECK --interval=10s --timeout=3s --start-period=10s CMD ["bash", "-c", \
    "exec 3<>\"/dev/tcp/127.0.0.1/${STILE_ADMIN__ADDRESS##*:}\" && printf 'GET /healthz HTTP/1.1\\r\\nhost: localhost\\r\\nconnection: close\\r\\n\\r\\n' >&3 && read -r _ status _ <&3 && [ \"$status\" = 200 ]"]
STOPSIGNAL SIGTERM
ENTRYPOINT ["/usr/local/bin/stile"]
CMD ["serve", "--config", "/etc/stile/stile.yaml"]
