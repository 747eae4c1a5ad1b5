// What a server finds in its log when it starts, after whatever ended the one before: which jobs go on, which are over, whose media nobody wants.
// Runs nothing; the queue does.

import type { JobLog, JobRecord, MediaStore } from './contracts.ts';

/** Ends jobs whose clients are gone and those that were interrupted too often; returns the others, in the order in which they were accepted. */
export async function recoverJobs(log: JobLog, media: MediaStore, mostAttempts: number): Promise<readonly JobRecord[]> {
  const others: JobRecord[] = [];
  for (const record of await log.unfinished()) {
    const { id, attempt, detached } = record;
    if (attempt >= mostAttempts) await log.append(id, attempt, [{ type: 'job-error', code: 'engine_crashed', message: `the job was interrupted ${attempt} times and is given up` }]);
    else if (detached) others.push(record);
    else await log.append(id, Math.max(attempt, 1), [{ type: 'job-abort', reason: 'the server was restarted' }]);
  }
  await tidy(log, media);
  return others;
}

/** Removes media of jobs that were not accepted before the server ended, and lets go of what ended jobs held. */
async function tidy(log: JobLog, media: MediaStore): Promise<void> {
  for (const { id, holds } of await media.jobs()) {
    const record = await log.get(id);
    if (record === null) await media.removeOfJob(id, 'all');
    if (holds && (record === null || record.endedAt !== null)) await media.release(`job/${id}`);
  }
}
