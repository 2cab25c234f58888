FROM euantorano/zig:0.11.0 AS build
LABEL stage=build language=zig
WORKDIR /src
COPY *.zig Makefile ./
RUN --mount=type=cache,target=/root/.cache,id=zig make -j4 \
        PREFIX=/usr \
        DESTDIR=/out install

FROM euantorano/zig:0.11.0
COPY --from=build /out/ /
ENV APP_HOME=/usr/share/zig-app APP_LANG=zig
WORKDIR ${APP_HOME}
USER 65534
CMD ["/usr/bin/zig-app", "--config", "/etc/zig.conf"]
