from ghcr.io/getzola/zola:v0.18.0 as site
workdir /site
copy . .
run ["make", "html"]

from nginx:1.25-alpine
copy --from=site /site/public /usr/share/nginx/html
copy <<-"CONF" /etc/nginx/conf.d/default.conf
	server {
		listen 80;
		location / {
			try_files $uri $uri/ =404;
		}
	}
	CONF
expose 80
