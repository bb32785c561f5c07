/**
 * How long answers take, by route and class of status. A look-up takes some ten µs, of which prom-client's own histogram,
 * asked by labels, takes one or two: this one only counts, and makes what prom-client shows when that is asked for.
 */
import type { Metric, Registry } from 'prom-client';

const NAME = 'assay_http_seconds';
const BOUNDS = [0.0001, 0.0005, 0.001, 0.005, 0.02, 0.1, 0.5, 2, 10];
const SUM_AT = BOUNDS.length + 1;
const STATUS_CLASSES = 6;

interface Value {
  readonly metricName: string;
  readonly labels: Record<string, string | number>;
  readonly value: number;
}

export class HttpSeconds {
  readonly name = NAME;
  readonly help = 'From a request being routed to its answer being ready to be sent';
  readonly type = 'histogram';
  readonly aggregator = 'sum';
  /** By route, then by class of status: answers up to each bound and not up to the one before, the others, and the sum of seconds. */
  readonly #routes = new Map<string, Float64Array[]>();

  constructor(registry: Registry) {
    registry.registerMetric(this as unknown as Metric<string>);
  }

  observe(route: string, status: number, seconds: number): void {
    const counts = this.#countsOf(route, Math.floor(status / 100));
    let i = 0;
    while (i < BOUNDS.length && seconds > BOUNDS[i]!) i++;
    counts[i]!++;
    counts[SUM_AT]! += seconds;
  }

  #countsOf(route: string, statusClass: number): Float64Array {
    const classes = this.#routes.get(route) ?? new Array<Float64Array>(STATUS_CLASSES);
    if (classes[statusClass] === undefined) {
      classes[statusClass] = new Float64Array(SUM_AT + 1);
      this.#routes.set(route, classes);
    }
    return classes[statusClass];
  }

  /** As prom-client's own metrics answer its registry. */
  async get() {
    const { name, help, type, aggregator } = this;
    const values = [...this.#routes].flatMap(([route, classes]) =>
      classes.flatMap((counts, statusClass) => valuesOf(counts, { route, status: `${statusClass}xx` })),
    );
    return { name, help, type, aggregator, values };
  }
}

function valuesOf(counts: Float64Array, labels: Record<string, string>): Value[] {
  let count = 0;
  const buckets = [...BOUNDS, '+Inf'].map((le, i) => {
    count += counts[i]!;
    return { metricName: `${NAME}_bucket`, labels: { le, ...labels }, value: count };
  });
  return [
    ...buckets,
    { metricName: `${NAME}_sum`, labels, value: counts[SUM_AT]! },
    { metricName: `${NAME}_count`, labels, value: count },
  ];
}
