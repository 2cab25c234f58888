FROM ubuntu:22.04
ARG DEBIAN_FRONTEND=noninteractive
RUN apt-get update && \
    apt-get install -y --no-install-recommends \
      python3 \
      python3-venv \
      python3-pip \
    && rm -rf /var/lib/apt/lists/* \
    && apt-get clean
RUN echo "root:root" | chpasswd
ENV TERM=xterm-256color LC_ALL=C.UTF-8
WORKDIR /root
CMD ["/bin/bash"]
