FROM zenika/kotlin AS build
LABEL stage=build language=kotlin
WORKDIR /src
COPY *.kt Makefile ./
RUN --mount=type=cache,target=/root/.cache,id=kotlin make -j4 \
        PREFIX=/usr \
        DESTDIR=/out install

FROM zenika/kotlin
COPY --from=build /out/ /
ENV APP_HOME=/usr/share/kotlin-app APP_LANG=kotlin
WORKDIR ${APP_HOME}
USER 65534
CMD ["/usr/bin/kotlin-app", "--config", "/etc/kotlin.conf"]
