# Regression as a container sidecar. Build: docker build -t regression .
# Run:  docker run --read-only --tmpfs /tmp --volume regression-data:/data --volume /var/log/app:/var/log/app:ro --network container:APP regression
FROM node:24-slim AS build
WORKDIR /build
COPY package.json package-lock.json .npmrc tsconfig.json tsconfig.build.json tsconfig.types.json ./
COPY scripts/build.js scripts/
COPY src src
RUN npm ci --ignore-scripts && npm run build

FROM node:24-slim AS dependencies
WORKDIR /dependencies
COPY package.json package-lock.json .npmrc ./
# The image's own Node runs it: the packages that bring one are taken out again.
RUN npm ci --ignore-scripts --omit=dev && rm -rf node_modules/node-linux-* node_modules/.bin

FROM node:24-slim
WORKDIR /app
ENV NODE_ENV=production REGRESSION_DATA_DIR=/data
COPY package.json LICENSE ./
COPY bin bin
COPY migrations migrations
COPY --from=dependencies /dependencies/node_modules node_modules
COPY --from=build /build/dist dist
# The volume takes over owner and mode of the directory it is first mounted on.
RUN mkdir -p /data && chown node:node /data && chmod 700 /data && ln -s /app/bin/regression /usr/local/bin/regression
USER node
VOLUME /data
EXPOSE 8514 5514/udp
STOPSIGNAL SIGTERM
# As long as the Kubernetes example grants it: on a tenth of a core a start takes 35 seconds. One that is ready sooner is healthy at once.
HEALTHCHECK --interval=10s --timeout=6s --start-period=120s CMD ["/app/bin/healthcheck"]
# Reads /etc/regression/regression.yaml, if it is there; becomes Node, so that signals reach the daemon as pid 1.
ENTRYPOINT ["/app/bin/regression"]
CMD ["run"]
