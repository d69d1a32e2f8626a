# One image for all services; docker-compose.yml chooses by command. There is no build step: Node runs
# the TypeScript as it is.
FROM node:24.21.0-bookworm-slim AS manifests
WORKDIR /app
COPY . .
# Dependencies are installed again only when a manifest changed, not with every change of a source.
RUN find . -type f ! -name package.json ! -name package-lock.json -delete

FROM node:24.21.0-bookworm-slim
WORKDIR /app
COPY --from=manifests /app ./
RUN npm ci --omit=dev --ignore-scripts --no-audit --no-fund && npm cache clean --force
# ready PORT: succeeds when /readyz answers 200. A Node process for each health check would cost 60 MB;
# bash can speak this much HTTP.
COPY --chmod=755 <<'EOF' /usr/local/bin/ready
#!/bin/bash
exec 3<>"/dev/tcp/127.0.0.1/$1" || exit 1
printf 'GET /readyz HTTP/1.0\r\n\r\n' >&3
read -r _ status _ <&3
[ "$status" = 200 ]
EOF
COPY libs ./libs
COPY services ./services
USER node
CMD ["node", "services/api/src/main.ts"]
