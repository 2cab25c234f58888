FROM alpine AS src
ADD --keep-git-dir=true https://github.com/example/project.git#v1.2.3 /src
ADD --unpack=false archive.tar /archives/
FROM alpine
COPY --from=src /src /src
