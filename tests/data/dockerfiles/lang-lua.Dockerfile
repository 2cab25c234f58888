FROM nickblah/lua:5.4 AS build
LABEL stage=build language=lua
WORKDIR /src
COPY *.lua Makefile ./
RUN --mount=type=cache,target=/root/.cache,id=lua make -j4 \
        PREFIX=/usr \
        DESTDIR=/out install

FROM nickblah/lua:5.4
COPY --from=build /out/ /
ENV APP_HOME=/usr/share/lua-app APP_LANG=lua
WORKDIR ${APP_HOME}
USER 65534
CMD ["/usr/bin/lua-app", "--config", "/etc/lua.conf"]
