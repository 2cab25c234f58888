# syntax=docker/dockerfile:1.7
# GO_VERSION of the tool chain
ARG GO_VERSION=1.23-bookworm

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
    go build -trimpath -ldflags="-s -w -X main.version=cli" -o /out/cli .

FROM build AS test
RUN --mount=type=cache,target=/root/.cache/go-build go test ./...

FROM scratch
COPY --from=build /etc/ssl/certs/ca-certificates.crt /etc/ssl/certs/
COPY --from=build /out/cli /usr/local/bin/cli
LABEL org.opencontainers.image.title="cli" \
      org.opencontainers.image.licenses="Apache-2.0"
EXPOSE 8080/tcp 9090
ENTRYPOINT ["/usr/local/bin/cli"]
CMD ["serve", "--listen", ":8080"]
