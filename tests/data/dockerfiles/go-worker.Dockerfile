# syntax=docker/dockerfile:1.7
# GO_VERSION of the tool chain
ARG GO_VERSION=1.21-alpine

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
    go build -trimpath -ldflags="-s -w -X main.version=worker" -o /out/worker ./cmd/worker

FROM build AS test
RUN --mount=type=cache,target=/root/.cache/go-build go test ./...

FROM alpine:3.19
RUN apk add --no-cache ca-certificates tzdata
COPY --from=build /out/worker /usr/local/bin/worker
LABEL org.opencontainers.image.title="worker" \
      org.opencontainers.image.licenses="Apache-2.0"
EXPOSE 8080/tcp 9090
ENTRYPOINT ["/usr/local/bin/worker"]
CMD ["serve", "--listen", ":8080"]
