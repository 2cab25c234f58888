FROM alpine:edge



RUN apk update \

 && apk add   iproute2 \

 && apk add   iputils-ping \

 && apk add   tcpdump \


 && rm -rf /var/cache/apk/*
CMD /bin/sh
