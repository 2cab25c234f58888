FROM alpine:edge



RUN apk update \

 && apk add   curl \

 && apk add   git \

 && apk add   jq \

 && apk add   less \


 && rm -rf /var/cache/apk/*
CMD /bin/sh
