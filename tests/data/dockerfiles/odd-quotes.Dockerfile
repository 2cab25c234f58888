FROM alpine
ENV A="one two" B='three "four"' C=five\ six D="a\"b" E=
LABEL "com.example.vendor"="ACME Incorporated" com.example.label-with-value="foo" version='1.0' \
      description="This text illustrates \
that label-values can span multiple lines."
RUN echo "it's" 'a "test"' \"quoted\"
ENV F=${A:-none} G=${B:+some} H=${A#one} I=${A%%two} J=${A//o/0}
WORKDIR /a dir with spaces
COPY ["file with spaces", "/dest dir/"]
