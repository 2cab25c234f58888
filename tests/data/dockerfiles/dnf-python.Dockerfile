FROM fedora:39
RUN --mount=type=cache,target=/var/cache/dnf \
    dnf -y --setopt=keepcache=1 install python3 python3-venv python3-pip
RUN <<EOF
set -e
for p in python3 python3-venv python3-pip; do
    rpm -q "$p" || echo "missing $p" >&2
done
EOF
SHELL ["/bin/bash", "-o", "pipefail", "-c"]
RUN dnf history | head -n 5
