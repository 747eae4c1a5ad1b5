// Figures of a running server in the Prometheus text format: requests by route, queue, models, kept media, process.
// Observes what it is told; starts nothing and keeps no job.

import { Counter, Gauge, Histogram, Registry } from 'prom-client';
import type { ServerParts } from '../contracts.ts';

/** One answered request. */
export interface HttpObservation {
  readonly method: string;
  readonly route: string;
  readonly status: number;
  readonly seconds: number;
}
export interface HttpMetrics {
  observe(request: HttpObservation): void;
  text(): Promise<string>;
}

/** The figures of one app; each has its own registry. */
export function createHttpMetrics({ queue, engines, media }: Pick<ServerParts, 'queue' | 'engines' | 'media'>): HttpMetrics {
  const registry = new Registry();
  const registers = [registry];
  const requests = new Counter({ name: 'anymodal_http_requests_total', help: 'Requests by method, pattern of the route and status.', labelNames: ['method', 'route', 'status'], registers });
  const seconds = new Histogram({ name: 'anymodal_http_request_seconds', help: 'Time to the beginning of the answer.', labelNames: ['method', 'route'], buckets: [0.005, 0.02, 0.1, 0.5, 2, 10, 60, 300], registers });
  const gauge = (name: string, help: string, read: () => number | Promise<number>): void => {
    const made: Gauge = new Gauge({
      name,
      help,
      registers,
      async collect() {
        made.set(await read());
      },
    });
  };
  gauge('anymodal_queue_jobs', 'Jobs that wait.', () => queue.state().queued);
  gauge('anymodal_running_jobs', 'Jobs that run.', () => queue.state().running);
  gauge('anymodal_queue_capacity', 'Jobs that may wait.', () => queue.state().capacity);
  gauge('anymodal_media_bytes', 'Bytes of all kept media.', async () => media.size());
  gauge('anymodal_models_loaded', 'Models that are loaded.', () => engines.models().filter(({ state }) => state === 'ready').length);
  gauge('anymodal_models_bytes', 'Bytes that the loaded models are counted with.', () => engines.models().filter(({ state }) => state === 'ready').reduce((sum, { bytes }) => sum + bytes, 0));
  // Without the package's own ones of the process, which watch it for good and so for every app that a test makes.
  gauge('process_resident_memory_bytes', 'Memory of this process; engines have processes of their own.', () => process.memoryUsage.rss());
  gauge('process_heap_bytes', 'JavaScript heap in use.', () => process.memoryUsage().heapUsed);
  gauge('process_cpu_seconds_total', 'Processor time of this process.', () => (process.cpuUsage().user + process.cpuUsage().system) / 1e6);
  gauge('process_uptime_seconds', 'Seconds since this process started.', () => process.uptime());
  return {
    observe({ method, route, status, seconds: taken }) {
      requests.inc({ method, route, status });
      seconds.observe({ method, route }, taken);
    },
    text: async () => registry.metrics(),
  };
}
