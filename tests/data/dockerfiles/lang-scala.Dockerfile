FROM sbtscala/scala-sbt:eclipse-temurin-17 AS build
LABEL stage=build language=scala
WORKDIR /src
COPY *.scala Makefile ./
RUN --mount=type=cache,target=/root/.cache,id=scala make -j4 \
        PREFIX=/usr \
        DESTDIR=/out install

FROM sbtscala/scala-sbt:eclipse-temurin-17
COPY --from=build /out/ /
ENV APP_HOME=/usr/share/scala-app APP_LANG=scala
WORKDIR ${APP_HOME}
USER 65534
CMD ["/usr/bin/scala-app", "--config", "/etc/scala.conf"]
