FROM alpine:edge



RUN apk update \

 && apk add   gcc \

 && apk add   g++ \

 && apk add   make \

 && apk add   gdb \


 && rm -rf /var/cache/apk/*
CMD /bin/sh
