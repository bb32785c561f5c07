#!/bin/bash
# The blackbox exporter looks from outside whether the API is well, whenever its Prometheus asks it to.
# Forms: `health` only /health; `pages` pages of the site too; `keyed` a read with a credential.
set -u
RANDOM=$((RANGE_SEED % 32749))
method=GET
[ "$RANGE_FORM" = pages ] && [ $((RANDOM % 2)) = 0 ] && method=HEAD
auth=
[ "$RANGE_FORM" = keyed ] && auth="authorization: {credentials: '$RANGE_API_KEY'}"
cat >blackbox.yml <<END
modules:
  probe:
    prober: http
    timeout: 5s
    http:
      method: $method
      preferred_ip_protocol: ip4
      tls_config: {ca_file: '$RANGE_CA'}
      $auth
END
end=$((SECONDS + RANGE_SECONDS - 2))
timeout -k 3 "$((RANGE_SECONDS - 2))" prometheus-blackbox-exporter --config.file=blackbox.yml --web.listen-address=127.0.0.1:0 2>exporter.log &
for _ in $(seq 50); do
  port=$(grep -o 'address=127.0.0.1:[0-9]*' exporter.log | grep -o '[0-9]*$' | head -n 1)
  [ -n "$port" ] && break
  sleep 0.1
done
targets="'$RANGE_URL$RANGE_HEALTH'"
[ "$RANGE_FORM" = pages ] && targets="$targets, '$RANGE_URL/', '$RANGE_URL/about'"
[ "$RANGE_FORM" = keyed ] && targets="'$RANGE_URL$RANGE_READ?limit=1'"
cat >prometheus.yml <<END
global: {scrape_interval: $((900 + RANDOM % 7000))ms, scrape_timeout: 900ms}
scrape_configs:
  - job_name: blackbox
    metrics_path: /probe
    params: {module: [probe]}
    static_configs: [{targets: [$targets]}]
    relabel_configs:
      - {source_labels: [__address__], target_label: __param_target}
      - {target_label: __address__, replacement: '127.0.0.1:$port'}
END
timeout -s INT -k 3 "$((end - SECONDS))" prometheus --config.file=prometheus.yml --storage.tsdb.path=data \
  --web.listen-address=127.0.0.1:0 --log.level=warn
wait
