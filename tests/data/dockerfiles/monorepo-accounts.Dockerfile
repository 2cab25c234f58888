# syntax=docker/dockerfile:1-labs
FROM node:20 AS manifests
WORKDIR /repo
COPY --parents package.json packages/*/package.json services/accounts/package.json ./
COPY --exclude=**/*.test.ts --exclude=**/node_modules services/accounts services/accounts
FROM manifests AS install
RUN --mount=type=bind,source=package-lock.json,target=package-lock.json \
    --mount=type=cache,target=/root/.npm \
    npm ci --workspace services/accounts --include-workspace-root
FROM install AS build
COPY tsconfig*.json ./
RUN npm --workspace services/accounts run build
# accounts is what is deployed
FROM gcr.io/distroless/nodejs20-debian12 AS accounts
WORKDIR /repo
COPY --from=build /repo/services/accounts/dist dist/
COPY --from=build --link /repo/node_modules node_modules/
CMD ["dist/index.js"]
