FROM php:8.2-apache
MAINTAINER Web Team <web@example.org>
RUN a2enmod rewrite headers && \
    sed -ri -e 's!/var/www/html!${APACHE_DOCUMENT_ROOT}!g' /etc/apache2/sites-available/*.conf
ENV APACHE_DOCUMENT_ROOT /var/www/html/public
ADD . /var/www/html
EXPOSE 80
