FROM maven:3-jdk-8
ONBUILD ADD . /usr/src/app
ONBUILD RUN <<EOF
set -e
mvn install
EOF
ONBUILD HEALTHCHECK CMD ["true"]
