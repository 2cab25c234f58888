FROM rust:1.77-slim AS chef
RUN cargo install cargo-chef --locked
WORKDIR /work

FROM chef AS planner
COPY . .
RUN cargo chef prepare --recipe-path recipe.json

FROM chef AS builder
COPY --from=planner /work/recipe.json recipe.json
RUN --mount=type=cache,target=/usr/local/cargo/registry cargo chef cook --release --recipe-path recipe.json
COPY . .
RUN --mount=type=cache,target=/usr/local/cargo/registry \
	--mount=type=cache,target=/work/target \
	cargo build --release --locked && \
	cp target/release/chef /usr/local/bin/

FROM gcr.io/distroless/cc-debian12
COPY --link --from=builder /usr/local/bin/chef /chef
ENTRYPOINT ["/chef"]
