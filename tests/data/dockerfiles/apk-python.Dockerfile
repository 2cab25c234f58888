FROM alpine:edge



RUN apk update \

 && apk add   python3 \

 && apk add   python3-venv \

 && apk add   python3-pip \


 && rm -rf /var/cache/apk/*
CMD /bin/sh
