FROM alpine:3.19 AS tools
RUN mkdir -p /bin && echo tool > /bin/tool
FROM alpine:3.19
RUN --mount=type=bind,from=tools,source=/bin,target=/tools,ro   --network=none ls -la
RUN --mount='type=cache,"target=/var/cache/a b",uid=1000,gid=1000' \
# a comment between
    --mount=type=cache,id=b,target=/cache/b,sharing=private,from=tools,source=/bin true
RUN --security=sandbox -- echo done
