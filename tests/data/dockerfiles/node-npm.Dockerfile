FROM node:20-alpine AS deps
WORKDIR /app
COPY package*.json npm-lock* ./
RUN --mount=type=cache,id=npm-store,target=/root/.cache \
      npm ci --omit=dev

FROM deps as builder
COPY . .
ENV NODE_ENV=production \
    NEXT_TELEMETRY_DISABLED=1
RUN npm run build && \
    # keep what the server needs
    find dist -name '*.map' -delete && \
    du -sh dist

FROM node:20-alpine
ENV NODE_ENV production
WORKDIR /app
RUN addgroup --system --gid 1001 app \
 && adduser --system --uid 1001 app
COPY --from=builder --chown=app:app /app/dist ./dist
COPY --from=deps    --chown=app:app /app/node_modules ./node_modules
USER app
EXPOSE 3000
HEALTHCHECK --interval=30s --timeout=3s --start-period=10s --retries=3 \
  CMD wget -qO- http://localhost:3000/healthz || exit 1
CMD [ "node", "dist/main.js" ]
