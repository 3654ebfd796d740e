# Regression as a container sidecar. Build: docker build -t regression .
# Run:  docker run --read-only --volume regression-data:/data --volume /var/log/app:/var/log/app:ro --network container:APP regression
FROM node:24-slim AS build
WORKDIR /build
COPY package.json package-lock.json .npmrc tsconfig.json tsconfig.build.json tsconfig.types.json ./
COPY scripts/build.js scripts/
COPY src src
RUN npm ci --ignore-scripts && npm run build

FROM node:24-slim AS dependencies
WORKDIR /dependencies
COPY package.json package-lock.json .npmrc ./
# The image's own Node runs it, so the optional Node packages are left out.
RUN npm ci --ignore-scripts --omit=dev --omit=optional

FROM node:24-slim
WORKDIR /app
ENV NODE_ENV=production REGRESSION_DATA_DIR=/data
COPY package.json LICENSE ./
COPY bin bin
COPY migrations migrations
COPY --from=dependencies /dependencies/node_modules node_modules
COPY --from=build /build/dist dist
# The volume takes over owner and mode of the directory it is first mounted on.
RUN mkdir -p /data && chown node:node /data && chmod 700 /data
USER node
VOLUME /data
EXPOSE 8514 5514/udp
HEALTHCHECK --interval=10s --timeout=3s --start-period=10s CMD ["node", "-e", "fetch('http://127.0.0.1:8514/health/ready').then((answer) => process.exit(answer.ok ? 0 : 1), () => process.exit(1))"]
ENTRYPOINT ["node", "/app/bin/regression.js"]
CMD ["run"]
