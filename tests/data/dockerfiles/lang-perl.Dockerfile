FROM perl:5.38 AS build
LABEL stage=build language=perl
WORKDIR /src
COPY *.pl Makefile ./
RUN --mount=type=cache,target=/root/.cache,id=perl make -j4 \
        PREFIX=/usr \
        DESTDIR=/out install

FROM perl:5.38
COPY --from=build /out/ /
ENV APP_HOME=/usr/share/perl-app APP_LANG=perl
WORKDIR ${APP_HOME}
USER 65534
CMD ["/usr/bin/perl-app", "--config", "/etc/perl.conf"]
