# syntax=docker/dockerfile:1.7
# GO_VERSION of the tool chain
ARG GO_VERSION=1.22-bookworm

# build compiles the program for the target platform
FROM --platform=$BUILDPLATFORM golang:${GO_VERSION} AS build
ARG TARGETOS TARGETARCH
WORKDIR /src
COPY go.mod go.sum ./
RUN --mount=type=cache,target=/go/pkg/mod,sharing=locked \
    go mod download -x
COPY . .
RUN --mount=type=cache,target=/go/pkg/mod \
    --mount=type=cache,target=/root/.cache/go-build \
    CGO_ENABLED=1 GOOS=$TARGETOS GOARCH=$TARGETARCH \
    go build -trimpath -ldflags="-s -w -X main.version=cgo" -o /out/cgo ./cmd/indexer

FROM build AS test
RUN --mount=type=cache,target=/root/.cache/go-build go test ./...

FROM debian:bookworm-slim
COPY --from=build --chmod=0644 /src/config/default.toml /etc/indexer/
COPY --from=build /out/cgo /usr/local/bin/cgo
LABEL org.opencontainers.image.title="cgo" \
      org.opencontainers.image.licenses="Apache-2.0"
EXPOSE 8080/tcp 9090
ENTRYPOINT ["/usr/local/bin/cgo"]
CMD ["serve", "--listen", ":8080"]
