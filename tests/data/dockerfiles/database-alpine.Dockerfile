#
# A database server with an entry point that sets it up.
#

FROM alpine:3.19

# explicitly set user/group IDs
RUN set -eux; \
	groupadd -r database --gid=999 || addgroup -g 999 database; \
# https://example.org/why-the-home-directory
	useradd -r -g database --uid=999 --home-dir=/var/lib/database --shell=/bin/sh database || true; \
	install --verbose --directory --owner 999 --group 999 --mode 1777 /var/lib/database

RUN apk add --no-cache su-exec tzdata

ENV DB_MAJOR 16
ENV DB_VERSION 16.2-1.pgdg120+2
ENV PATH $PATH:/usr/lib/database/$DB_MAJOR/bin

RUN mkdir /docker-entrypoint-initdb.d
VOLUME /var/lib/database

COPY docker-entrypoint.sh docker-ensure-initdb.sh /usr/local/bin/
RUN ln -sT docker-ensure-initdb.sh /usr/local/bin/docker-enforce-initdb.sh
ENTRYPOINT ["docker-entrypoint.sh"]

# a smart shutdown
STOPSIGNAL SIGINT
EXPOSE 5432
CMD ["database"]
