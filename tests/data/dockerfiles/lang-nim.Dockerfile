FROM nimlang/nim:2.0.2 AS build
LABEL stage=build language=nim
WORKDIR /src
COPY *.nim Makefile ./
RUN --mount=type=cache,target=/root/.cache,id=nim make -j4 \
        PREFIX=/usr \
        DESTDIR=/out install

FROM nimlang/nim:2.0.2
COPY --from=build /out/ /
ENV APP_HOME=/usr/share/nim-app APP_LANG=nim
WORKDIR ${APP_HOME}
USER 65534
CMD ["/usr/bin/nim-app", "--config", "/etc/nim.conf"]
