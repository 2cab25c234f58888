FROM nginx:alpine
RUN rm /etc/nginx/conf.d/default.conf
COPY --chown=nginx:nginx conf.d/ /etc/nginx/conf.d/
COPY --chmod=0600 certs/server.key certs/server.crt /etc/nginx/certs/
RUN nginx -t
EXPOSE 80 443
CMD ["nginx", "-g", "daemon off;"]
