FROM clojure:temurin-21-tools-deps AS build
LABEL stage=build language=clojure
WORKDIR /src
COPY *.clj Makefile ./
RUN --mount=type=cache,target=/root/.cache,id=clojure make -j4 \
        PREFIX=/usr \
        DESTDIR=/out install

FROM clojure:temurin-21-tools-deps
COPY --from=build /out/ /
ENV APP_HOME=/usr/share/clojure-app APP_LANG=clojure
WORKDIR ${APP_HOME}
USER 65534
CMD ["/usr/bin/clojure-app", "--config", "/etc/clojure.conf"]
