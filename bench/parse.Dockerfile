# syntax=docker/dockerfile:1
# check=error=true

# One image for the service and one for its migrations. Build with
#
#   docker build --build-arg VERSION=$(git describe --tags) --target service .
#
# The versions below are those of the distribution's security team; raise them together.
ARG GO_VERSION=1.22.4
ARG DEBIAN=bookworm

FROM --platform=$BUILDPLATFORM golang:${GO_VERSION}-${DEBIAN} AS build
ARG TARGETOS
ARG TARGETARCH
ARG VERSION=unknown
ENV CGO_ENABLED=0 \
    GOFLAGS="-trimpath -buildvcs=false" \
    GOCACHE=/root/.cache/go-build \
    GOMODCACHE=/go/pkg/mod
WORKDIR /src

# modules first: they change less often than the sources
COPY go.mod go.sum ./
RUN --mount=type=cache,target=/go/pkg/mod,sharing=locked \
    --mount=type=secret,id=netrc,target=/root/.netrc \
    go mod download && go mod verify

COPY --link cmd ./cmd
COPY --link internal ./internal
RUN --mount=type=cache,target=/go/pkg/mod \
    --mount=type=cache,target=/root/.cache/go-build \
    GOOS=${TARGETOS} GOARCH=${TARGETARCH} go build \
        -ldflags "-s -w -X main.version=${VERSION}" \
        -o /out/service ./cmd/service && \
    go vet ./... && \
    /out/service --version

# ---- assets -------------------------------------------------------------------
FROM node:20-${DEBIAN}-slim AS assets
ENV NODE_ENV production
ENV npm_config_cache=/var/cache/npm
WORKDIR /assets
COPY web/package.json web/package-lock.json ./
RUN --mount=type=cache,target=/var/cache/npm npm ci --no-audit --no-fund
COPY web/ .
RUN npm run build -- --outDir=/out \
 && find /out -name '*.map' -delete

# ---- the image ----------------------------------------------------------------
FROM debian:${DEBIAN}-slim AS service
LABEL org.opencontainers.image.title="service" \
      org.opencontainers.image.source="https://example.com/team/service" \
      org.opencontainers.image.licenses="Apache-2.0"
SHELL ["/bin/bash", "-o", "pipefail", "-c"]

RUN set -eux; \
    apt-get update; \
    # curl is what the health check runs
    apt-get install -y --no-install-recommends \
        ca-certificates \
        curl \
        gnupg \
        libpq5 \
        tini \
        tzdata \
    ; \
    curl -fsSL "https://example.com/keys/release.asc" \
        | gpg --dearmor -o /usr/share/keyrings/example.gpg; \
    echo "deb [signed-by=/usr/share/keyrings/example.gpg] https://example.com/apt stable main" \
        > /etc/apt/sources.list.d/example.list; \
    apt-get update; \
    apt-get install -y --no-install-recommends example-agent; \
    rm -rf /var/lib/apt/lists/*

RUN <<EOF
set -eu
groupadd --system --gid 10001 service
useradd --system --uid 10001 --gid service --home-dir /var/lib/service \
    --create-home --shell /usr/sbin/nologin service
install -d -o service -g service -m 0750 /etc/service /var/log/service
EOF

COPY <<-"EOF" /etc/service/service.toml
	# Defaults; what the environment says wins.
	[listen]
	address = "0.0.0.0"
	port = 8080

	[database]
	url = "postgres://service@db/service?sslmode=require"
	pool = 16
EOF

COPY --from=build --chown=root:root --chmod=0755 /out/service /usr/local/bin/service
COPY --from=assets /out /usr/share/service/www
ADD --chown=service:service deploy/entrypoint.sh deploy/lib.sh /usr/local/lib/service/

ENV PATH=/usr/local/lib/service:$PATH LANG=C.UTF-8 TZ=Etc/UTC
USER service:service
WORKDIR /var/lib/service
VOLUME /var/lib/service
EXPOSE 8080/tcp 9090
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=30s --timeout=3s --start-period=10s --retries=3 \
    CMD curl -fsS http://localhost:8080/healthz || exit 1
ENTRYPOINT ["/usr/bin/tini", "--", "/usr/local/bin/service"]
CMD ["serve", "--config", "/etc/service/service.toml"]

# ---- migrations ---------------------------------------------------------------
FROM service AS migrations
USER root
COPY migrations/ /usr/share/service/migrations/
ONBUILD COPY extra/ /usr/share/service/migrations/extra/
USER service
CMD ["migrate", "--dir", "/usr/share/service/migrations"]
