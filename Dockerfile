# docker build -t assay . ; docker run -p 8080:8080 -v assay:/data assay
FROM node:20.19-bookworm-slim AS build
WORKDIR /assay
COPY . .
# Compiles, too; after that nothing is needed of what builds and tests.
RUN npm ci && npm prune --omit=dev --ignore-scripts

FROM node:20.19-bookworm-slim
WORKDIR /assay
ENV NODE_ENV=production HOST=0.0.0.0 ASSAY_DATA=/data
COPY --from=build /assay/package.json ./
COPY --from=build /assay/node_modules node_modules
COPY --from=build /assay/dist dist
COPY --from=build /assay/models models
COPY --from=build /assay/service service
COPY --from=build /assay/datasets/apache-access datasets/apache-access
COPY --from=build /assay/datasets/simulator/fitted.json datasets/simulator/fitted.json
RUN mkdir /data && chown node /data
USER node
VOLUME /data
EXPOSE 8080
HEALTHCHECK --interval=10s --start-period=60s CMD ["node", "-e", "fetch('http://127.0.0.1:8080/healthz').then((r) => process.exit(r.ok ? 0 : 1), () => process.exit(1))"]
ENTRYPOINT ["node", "dist/service/main.js"]
CMD ["serve"]
