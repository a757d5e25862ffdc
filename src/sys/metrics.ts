import { Counter, Gauge, Registry } from 'prom-client';

type Labels = Readonly<Record<string, string>>;

/**
 * Series that one metric may have: a label that follows the input would otherwise fill the memory.
 */
const MAX_SERIES = 2000;

export interface MetricSpec {
  /** With the unit, without the prefix `leasehold_`; a counter's ends in `_total`. */
  readonly name: string;
  readonly help: string;
  readonly labels?: readonly string[];
}

/** A value that is set, like a length. */
export interface GaugeMetric {
  set(value: number, labels?: Labels): void;
  /** Forgets all series: to be set anew from a snapshot. */
  clear(): void;
}

/** A value that only grows. */
export interface CounterMetric {
  add(count: number, labels?: Labels): void;
  /** For a sum that is counted elsewhere, such as in a wire: raises the counter to it. */
  raiseTo(total: number, labels?: Labels): void;
}

/** The metrics of one process. */
export interface Metrics {
  gauge(spec: MetricSpec): GaugeMetric;
  counter(spec: MetricSpec): CounterMetric;
  /** All of them in Prometheus' text format. */
  text(): Promise<string>;
}

/** A registry of its own: nothing global, so that a test can have several. */
export function openMetrics(): Metrics {
  const registry = new Registry();
  const config = ({ name, help, labels = [] }: MetricSpec) => ({
    name: `leasehold_${name}`,
    help,
    labelNames: [...labels],
    registers: [registry],
  });
  return {
    gauge(spec) {
      const gauge = new Gauge(config(spec));
      const admit = bounded();
      return {
        set(value, labels = {}) {
          if (admit(labels)) gauge.set(labels, value);
        },
        clear() {
          gauge.reset();
          admit.forget();
        },
      };
    },
    counter(spec) {
      const counter = new Counter(config(spec));
      const admit = bounded();
      const totals = new Map<string, number>();
      const add = (count: number, labels: Labels) => {
        if (count > 0 && admit(labels)) counter.inc(labels, count);
      };
      return {
        add: (count, labels = {}) => add(count, labels),
        raiseTo(total, labels = {}) {
          const key = keyOf(labels);
          const before = totals.get(key) ?? 0;
          if (total <= before || !admit(labels)) return;
          totals.set(key, total);
          add(total - before, labels);
        },
      };
    },
    text: () => registry.metrics(),
  };
}

/** Whether a series may be kept: one that is known, or a new one while there is room. */
function bounded(): ((labels: Labels) => boolean) & { forget(): void } {
  const known = new Set<string>();
  const admit = (labels: Labels) => {
    const key = keyOf(labels);
    if (known.has(key)) return true;
    if (known.size >= MAX_SERIES) return false;
    known.add(key);
    return true;
  };
  return Object.assign(admit, { forget: () => known.clear() });
}

function keyOf(labels: Labels): string {
  return JSON.stringify(Object.entries(labels).toSorted());
}
