FROM julia:1.10 AS build
LABEL stage=build language=julia
WORKDIR /src
COPY *.jl Makefile ./
RUN --mount=type=cache,target=/root/.cache,id=julia make -j4 \
        PREFIX=/usr \
        DESTDIR=/out install

FROM julia:1.10
COPY --from=build /out/ /
ENV APP_HOME=/usr/share/julia-app APP_LANG=julia
WORKDIR ${APP_HOME}
USER 65534
CMD ["/usr/bin/julia-app", "--config", "/etc/julia.conf"]
