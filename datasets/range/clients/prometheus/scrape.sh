#!/bin/bash
# Prometheus reads /metrics every few seconds. Forms: `plain`; `keyed` with a credential; `pair`, two of them as for high availability.
set -u
RANDOM=$((RANGE_SEED % 32749))
target=${RANGE_URL#https://}
interval=$((800 + RANDOM % 9000))
auth=
[ "$RANGE_FORM" = keyed ] && auth="authorization: {credentials: '$RANGE_API_KEY'}"
cat >prometheus.yml <<END
global: {scrape_interval: ${interval}ms, scrape_timeout: 800ms}
scrape_configs:
  - job_name: api
    scheme: https
    metrics_path: $RANGE_METRICS
    tls_config: {ca_file: '$RANGE_CA'}
    $auth
    static_configs: [{targets: ['$target']}]
END
count=1
[ "$RANGE_FORM" = pair ] && count=2
for n in $(seq "$count"); do
  timeout -s INT -k 3 "$((RANGE_SECONDS - 2))" prometheus --config.file=prometheus.yml --storage.tsdb.path="data-$n" \
    --web.listen-address=127.0.0.1:0 --log.level=warn &
done
wait
