FROM debian:bookworm AS build
ARG NGINX_VERSION=1.25.4
ADD --checksum=sha256:760729901acbaa517996e681ee6ea259032985e37c2768beef80df3a877deed9 https://nginx.example.org/download/nginx-${NGINX_VERSION}.tar.gz /tmp/
RUN cd /tmp && tar xf nginx-*.tar.gz && cd nginx-${NGINX_VERSION} && \
	./configure --prefix=/opt/nginx \
		--with-http_ssl_module \
		--with-http_v2_module && \
	make -j"$(nproc)" install DESTDIR=/out
FROM debian:bookworm-slim
COPY --from=build /out /
CMD ["/opt/nginx/sbin/nginx"]
