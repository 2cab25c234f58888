FROM gcc:13 AS build
RUN apt-get update \
 && apt-get install -y --no-install-recommends cmake ninja-build ccache
WORKDIR /src
COPY --parents CMakeLists.txt cmake/*.cmake lib/**/*.h lib/**/*.cc /src/
RUN --mount=type=cache,target=/root/.ccache \
    cmake -S . -B /build -G Ninja -DCMAKE_BUILD_TYPE=RelWithDebInfo \
          -DCMAKE_CXX_COMPILER_LAUNCHER=ccache && \
    cmake --build /build --parallel && \
    ctest --test-dir /build --output-on-failure

FROM debian:trixie-slim
COPY --from=build --chmod=755 /build/bin/server /usr/bin/server
CMD ["server"]
