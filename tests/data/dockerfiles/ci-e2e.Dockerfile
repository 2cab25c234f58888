# syntax = docker/dockerfile:1
#check=error=false
FROM ubuntu:24.04 AS e2e
RUN <<PREPARE bash -euo pipefail
    apt-get update
    apt-get install -y curl git
PREPARE
COPY <<"script" /usr/local/bin/e2e
#!/bin/sh
# $1: the branch
exec make "e2e" BRANCH="${1:-main}"
script
RUN chmod +x /usr/local/bin/e2e
RUN cat <<one > /one && cat <<two > /two
e2e 1
one
e2e 2
two
RUN <<-"END"
	#!/usr/bin/env python3
	print("e2e")
	END
COPY <<a.txt <<b.txt /data/
first $NAME
a.txt
second ${NAME}
b.txt
