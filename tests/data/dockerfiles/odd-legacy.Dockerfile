FROM ubuntu:14.04
MAINTAINER  Some One   <some@example.org>
ENV DEBIAN_FRONTEND noninteractive
ENV JAVA_HOME   /usr/lib/jvm/java-8-oracle
LABEL description This is a  long label
ADD http://example.org/archive.tar.gz /tmp/
ADD local.tar.gz /opt/
RUN apt-get update
RUN apt-get -y upgrade
EXPOSE 22 80 443
CMD service ssh start && tail -f /dev/null
