# check=skip=JSONArgsRecommended
FROM python:3.11 AS base

ENV PYTHONDONTWRITEBYTECODE=1 PYTHONUNBUFFERED=1
ENV PATH="/opt/venv/bin:$PATH" \
    PIP_DISABLE_PIP_VERSION_CHECK=on
ENV LANG C.UTF-8

WORKDIR /srv/app
COPY requirements.txt pyproject.toml* *.lock ./
RUN set -eux; \
    pip install poetry==1.8.2 && poetry config virtualenvs.create false && poetry install --only main --no-interaction; \
    find /usr -depth \
        \( -type d -a -name test -o -name tests \) \
        -exec rm -rf '{}' +

COPY . .
ARG COMMIT
LABEL vcs-ref=$COMMIT maintainer="Team <team@example.org>"

VOLUME ["/srv/data", "/srv/cache"]
EXPOSE 8000
STOPSIGNAL SIGINT
CMD gunicorn --bind 0.0.0.0:8000 --workers ${WORKERS:-4} app.wsgi
