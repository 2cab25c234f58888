FROM ocaml/opam:debian-12 AS build
LABEL stage=build language=ocaml
WORKDIR /src
COPY *.ml Makefile ./
RUN --mount=type=cache,target=/root/.cache,id=ocaml make -j4 \
        PREFIX=/usr \
        DESTDIR=/out install

FROM ocaml/opam:debian-12
COPY --from=build /out/ /
ENV APP_HOME=/usr/share/ocaml-app APP_LANG=ocaml
WORKDIR ${APP_HOME}
USER 65534
CMD ["/usr/bin/ocaml-app", "--config", "/etc/ocaml.conf"]
