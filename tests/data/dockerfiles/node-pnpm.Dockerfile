FROM node:22-slim AS deps
WORKDIR /app
COPY package*.json pnpm-lock* ./
RUN --mount=type=cache,id=pnpm-store,target=/root/.cache \
      corepack enable && pnpm install --frozen-lockfile

FROM deps as builder
COPY . .
ENV NODE_ENV=production \
    NEXT_TELEMETRY_DISABLED=1
RUN pnpm -r build && \
    # keep what the server needs
    find dist -name '*.map' -delete && \
    du -sh dist

FROM node:22-slim
ENV NODE_ENV production
WORKDIR /app
RUN addgroup --system --gid 1001 app \
 && adduser --system --uid 1001 app
COPY --from=builder --chown=app:app /app/dist ./dist
COPY --from=deps    --chown=app:app /app/node_modules ./node_modules
USER app
EXPOSE 5173
HEALTHCHECK --interval=30s --timeout=3s --start-period=10s --retries=3 \
  CMD wget -qO- http://localhost:5173/healthz || exit 1
CMD [ "node", "dist/main.js" ]
