FROM alpine
RUN echo a && \
    echo b

ENV A=1 \
    B=2
RUN <<EOF
echo crlf
EOF
CMD ["sh"]
