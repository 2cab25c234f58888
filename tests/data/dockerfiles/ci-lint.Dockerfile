# syntax = docker/dockerfile:1
#check=error=false
FROM ubuntu:24.04 AS lint
RUN <<PREPARE bash -euo pipefail
    apt-get update
    apt-get install -y curl git
PREPARE
COPY <<"script" /usr/local/bin/lint
#!/bin/sh
# $1: the branch
exec make "lint" BRANCH="${1:-main}"
script
RUN chmod +x /usr/local/bin/lint
RUN cat <<one > /one && cat <<two > /two
lint 1
one
lint 2
two
RUN <<-"END"
	#!/usr/bin/env python3
	print("lint")
	END
COPY <<a.txt <<b.txt /data/
first $NAME
a.txt
second ${NAME}
b.txt
