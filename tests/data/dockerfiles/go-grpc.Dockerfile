# syntax=docker/dockerfile:1.7
# GO_VERSION of the tool chain
ARG GO_VERSION=1.22

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
    CGO_ENABLED=0 GOOS=$TARGETOS GOARCH=$TARGETARCH \
    go build -trimpath -ldflags="-s -w -X main.version=grpc" -o /out/grpc ./cmd/server

FROM build AS test
RUN --mount=type=cache,target=/root/.cache/go-build go test ./...

FROM debian:bookworm-slim
RUN apt-get update && apt-get install -y --no-install-recommends ca-certificates \
    && rm -rf /var/lib/apt/lists/*
COPY --from=build /out/grpc /usr/local/bin/grpc
LABEL org.opencontainers.image.title="grpc" \
      org.opencontainers.image.licenses="Apache-2.0"
EXPOSE 8080/tcp 9090
ENTRYPOINT ["/usr/local/bin/grpc"]
CMD ["serve", "--listen", ":8080"]
