# syntax = docker/dockerfile:1
#check=error=false
FROM ubuntu:24.04 AS release
RUN <<PREPARE bash -euo pipefail
    apt-get update
    apt-get install -y curl git
PREPARE
COPY <<"script" /usr/local/bin/release
#!/bin/sh
# $1: the branch
exec make "release" BRANCH="${1:-main}"
script
RUN chmod +x /usr/local/bin/release
RUN cat <<one > /one && cat <<two > /two
release 1
one
release 2
two
RUN <<-"END"
	#!/usr/bin/env python3
	print("release")
	END
COPY <<a.txt <<b.txt /data/
first $NAME
a.txt
second ${NAME}
b.txt
