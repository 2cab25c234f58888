FROM alpine
LABEL maintainer="Jürgen Müller <jm@example.org>" emoji=😀
RUN echo "日本語" && echo 'ünïcödé'
ENV GRÜSSE=hallo
COPY dätei.txt /zïel/
