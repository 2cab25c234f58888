# syntax = docker/dockerfile:1
#check=error=false
FROM ubuntu:24.04 AS nightly
RUN <<PREPARE bash -euo pipefail
    apt-get update
    apt-get install -y curl git
PREPARE
COPY <<"script" /usr/local/bin/nightly
#!/bin/sh
# $1: the branch
exec make "nightly" BRANCH="${1:-main}"
script
RUN chmod +x /usr/local/bin/nightly
RUN cat <<one > /one && cat <<two > /two
nightly 1
one
nightly 2
two
RUN <<-"END"
	#!/usr/bin/env python3
	print("nightly")
	END
COPY <<a.txt <<b.txt /data/
first $NAME
a.txt
second ${NAME}
b.txt
