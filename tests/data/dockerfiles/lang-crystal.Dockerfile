FROM crystallang/crystal:1.11 AS build
LABEL stage=build language=crystal
WORKDIR /src
COPY *.cr Makefile ./
RUN --mount=type=cache,target=/root/.cache,id=crystal make -j4 \
        PREFIX=/usr \
        DESTDIR=/out install

FROM crystallang/crystal:1.11
COPY --from=build /out/ /
ENV APP_HOME=/usr/share/crystal-app APP_LANG=crystal
WORKDIR ${APP_HOME}
USER 65534
CMD ["/usr/bin/crystal-app", "--config", "/etc/crystal.conf"]
