// Figures of jobs as their events go by: how they end, how long they wait and run, steps, tokens, encodings spared.
// Keeps a few numbers of each running job and forgets it at its end; no text and no medium.

import { Counter, Histogram, Registry } from 'prom-client';
import type { JobRecord, LoggedEvent } from '../../queue/contracts.ts';

export interface JobMetrics {
  observe(job: Pick<JobRecord, 'id' | 'model' | 'kind' | 'createdAt'>, event: LoggedEvent): void;
  text(): Promise<string>;
}

interface Running {
  readonly startedAt: number;
  /** Encodings that no projector has read yet: of what one reads besides, the encoding was kept from before. */
  fresh: number;
  /** When the last step of each part was done. */
  readonly steps: Map<string, number>;
}

export function createJobMetrics(): JobMetrics {
  const registers = [new Registry()];
  const ended = new Counter({ name: 'anymodal_jobs_total', help: 'Jobs that ended, by model, kind and how.', labelNames: ['model', 'kind', 'outcome'], registers });
  const attempts = new Counter({ name: 'anymodal_job_attempts_total', help: 'Times that a job began, once more where an engine or the server was lost.', labelNames: ['model'], registers });
  const waited = new Histogram({ name: 'anymodal_job_wait_seconds', help: 'From acceptance to the start.', labelNames: ['model'], buckets: [0.05, 0.25, 1, 5, 20, 60, 300, 1800], registers });
  const ran = new Histogram({ name: 'anymodal_job_run_seconds', help: 'From the start to the end.', labelNames: ['model', 'kind'], buckets: [0.25, 1, 5, 20, 60, 300, 1800], registers });
  const step = new Histogram({ name: 'anymodal_step_seconds', help: 'One step of a decoder, turns of other jobs included.', labelNames: ['model'], buckets: [0.01, 0.05, 0.1, 0.25, 0.5, 1, 2, 5, 20], registers });
  const tokens = new Counter({ name: 'anymodal_tokens_total', help: 'Tokens read and written by language models.', labelNames: ['model', 'direction'], registers });
  const stages = new Counter({ name: 'anymodal_stages_total', help: 'Runs of a component, by stage; an encoding that was kept from before is none.', labelNames: ['model', 'stage'], registers });
  const stageSeconds = new Counter({ name: 'anymodal_stage_seconds_total', help: 'Time in components, by stage.', labelNames: ['model', 'stage'], registers });
  const encodings = new Counter({ name: 'anymodal_encodings_total', help: 'Media that language models read, by where their encoding came from: the encoder, or the cache.', labelNames: ['model', 'from'], registers });
  const made = new Counter({ name: 'anymodal_media_made_total', help: 'Media that were made, by modality.', labelNames: ['model', 'modality'], registers });
  const running = new Map<string, Running>();

  return {
    observe({ id, model, kind, createdAt }, event) {
      const known = running.get(id);
      switch (event.type) {
        case 'job-start':
          running.set(id, { startedAt: event.at, fresh: 0, steps: new Map() });
          attempts.inc({ model });
          waited.observe({ model }, (event.at - createdAt) / 1000);
          break;
        case 'media-start':
        case 'media-progress': {
          const part = `${event.variant}/${event.part}`;
          const before = known?.steps.get(part);
          if (event.type === 'media-progress' && before !== undefined) step.observe({ model }, (event.at - before) / 1000);
          known?.steps.set(part, event.at);
          break;
        }
        case 'media-end':
          made.inc({ model, modality: event.modality });
          break;
        case 'trace':
          stages.inc({ model, stage: event.stage });
          stageSeconds.inc({ model, stage: event.stage }, event.milliseconds / 1000);
          if (known !== undefined && event.stage === 'encoder') known.fresh += 1;
          if (known !== undefined && event.stage === 'input-projector') {
            encodings.inc({ model, from: known.fresh > 0 ? 'encoder' : 'cache' });
            known.fresh = Math.max(0, known.fresh - 1);
          }
          break;
        case 'job-end':
          tokens.inc({ model, direction: 'in' }, event.usage.inputTokens);
          tokens.inc({ model, direction: 'out' }, event.usage.outputTokens);
          break;
        default:
          break;
      }
      const outcome = outcomeOf(event);
      if (outcome === null) return;
      ended.inc({ model, kind, outcome });
      if (known !== undefined) ran.observe({ model, kind }, (event.at - known.startedAt) / 1000);
      running.delete(id);
    },
    text: async () => (await Promise.all(registers.map(async (registry) => registry.metrics()))).join(''),
  };
}

/** How a job ended; null for an event that ends none. */
function outcomeOf(event: LoggedEvent): string | null {
  if (event.type === 'job-end') return 'completed';
  if (event.type === 'job-abort') return 'cancelled';
  return event.type === 'job-error' ? event.code : null;
}
