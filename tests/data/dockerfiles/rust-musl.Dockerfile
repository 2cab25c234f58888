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
	cp target/release/musl /usr/local/bin/

FROM scratch
COPY --link --from=builder /usr/local/bin/musl /musl
ENTRYPOINT ["/musl"]
