FROM haskell:9.4 AS build
WORKDIR /opt/app
COPY stack.yaml *.cabal ./
RUN stack build --only-dependencies --system-ghc
COPY . .
RUN stack install --system-ghc --local-bin-path /opt/bin

FROM debian:bookworm-slim
RUN apt-get update && apt-get install -y libgmp10 && rm -rf /var/lib/apt/lists/*
COPY --from=build /opt/bin/ /usr/local/bin/
CMD ["app"]
