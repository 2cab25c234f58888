FROM golang:1.13
WORKDIR /go/src/app
ONBUILD COPY [".", "/go/src/app"]
ONBUILD RUN go-wrapper download   &&   go-wrapper install
CMD ["go-wrapper", "run"]
