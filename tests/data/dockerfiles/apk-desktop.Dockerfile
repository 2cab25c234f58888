FROM alpine:edge



RUN apk update \

 && apk add   xvfb \

 && apk add   x11vnc \

 && apk add   fluxbox \


 && rm -rf /var/cache/apk/*
CMD /bin/sh
