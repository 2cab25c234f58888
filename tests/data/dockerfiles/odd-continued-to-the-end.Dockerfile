FROM alpine
RUN true \

# comment
