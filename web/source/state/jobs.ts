// Jobs that the page follows: each is a signal that changes with its events. A job runs on whether it is followed or not.
import { signal, type Signal } from '@preact/signals';
import { client, messageOf } from '../server.ts';
import { emptyJob, hasEnded, withEvent, type JobView } from './job-view.ts';

const followed = new Map<string, Signal<JobView>>();

/** The job as it stands, followed from its first event on until it ends. */
export function followJob(id: string): Signal<JobView> {
  const known = followed.get(id);
  if (known !== undefined) return known;
  const job = signal(emptyJob(id));
  followed.set(id, job);
  void follow(job);
  return job;
}

async function follow(job: Signal<JobView>): Promise<void> {
  try {
    let waiting: JobView = job.value;
    let scheduled = false;
    for await (const event of client.events(job.value.id)) {
      waiting = withEvent(waiting, event);
      if (hasEnded(waiting)) job.value = waiting;
      else if (!scheduled) {
        // Many events come in one breath where a job is replayed; the page draws once a frame.
        scheduled = true;
        setTimeout(() => {
          scheduled = false;
          if (!hasEnded(job.value)) job.value = waiting;
        }, 30);
      }
    }
  } catch (error) {
    job.value = { ...job.value, status: 'failed', error: { code: 'unreachable', message: messageOf(error) } };
    followed.delete(job.value.id);
  }
}
