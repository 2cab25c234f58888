FROM rocker/r-ver:4.3.2 AS build
LABEL stage=build language=r
WORKDIR /src
COPY *.R Makefile ./
RUN --mount=type=cache,target=/root/.cache,id=r make -j4 \
        PREFIX=/usr \
        DESTDIR=/out install

FROM rocker/r-ver:4.3.2
COPY --from=build /out/ /
ENV APP_HOME=/usr/share/r-app APP_LANG=r
WORKDIR ${APP_HOME}
USER 65534
CMD ["/usr/bin/r-app", "--config", "/etc/r.conf"]
