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
    go build -trimpath -ldflags="-s -w -X main.version=api" -o /out/api ./cmd/api

FROM build AS test
RUN --mount=type=cache,target=/root/.cache/go-build go test ./...

FROM gcr.io/distroless/static:nonroot
USER nonroot:nonroot
COPY --from=build /out/api /usr/local/bin/api
LABEL org.opencontainers.image.title="api" \
      org.opencontainers.image.licenses="Apache-2.0"
EXPOSE 8080/tcp 9090
ENTRYPOINT ["/usr/local/bin/api"]
CMD ["serve", "--listen", ":8080"]
