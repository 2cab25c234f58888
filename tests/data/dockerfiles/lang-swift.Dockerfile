FROM swift:5.10 AS build
LABEL stage=build language=swift
WORKDIR /src
COPY *.swift Makefile ./
RUN --mount=type=cache,target=/root/.cache,id=swift make -j4 \
        PREFIX=/usr \
        DESTDIR=/out install

FROM swift:5.10
COPY --from=build /out/ /
ENV APP_HOME=/usr/share/swift-app APP_LANG=swift
WORKDIR ${APP_HOME}
USER 65534
CMD ["/usr/bin/swift-app", "--config", "/etc/swift.conf"]
