FROM fedora:39
RUN --mount=type=cache,target=/var/cache/dnf \
    dnf -y --setopt=keepcache=1 install gcc g++ make gdb
RUN <<EOF
set -e
for p in gcc g++ make gdb; do
    rpm -q "$p" || echo "missing $p" >&2
done
EOF
SHELL ["/bin/bash", "-o", "pipefail", "-c"]
RUN dnf history | head -n 5
