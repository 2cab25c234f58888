# syntax=docker/dockerfile:1-labs
FROM node:20 AS manifests
WORKDIR /repo
COPY --parents package.json packages/*/package.json services/search/package.json ./
COPY --exclude=**/*.test.ts --exclude=**/node_modules services/search services/search
FROM manifests AS install
RUN --mount=type=bind,source=package-lock.json,target=package-lock.json \
    --mount=type=cache,target=/root/.npm \
    npm ci --workspace services/search --include-workspace-root
FROM install AS build
COPY tsconfig*.json ./
RUN npm --workspace services/search run build
# search is what is deployed
FROM gcr.io/distroless/nodejs20-debian12 AS search
WORKDIR /repo
COPY --from=build /repo/services/search/dist dist/
COPY --from=build --link /repo/node_modules node_modules/
CMD ["dist/index.js"]
