// Short messages to the person: what failed outside of a job. Each stays until it is dismissed or its time is over.
import { signal } from '@preact/signals';
import { messageOf } from '../server.ts';

export interface Notice {
  readonly id: number;
  readonly message: string;
}
export const notices = signal<readonly Notice[]>([]);
let count = 0;

export function dismiss(id: number): void {
  notices.value = notices.value.filter((notice) => notice.id !== id);
}

export function notify(message: string): void {
  if (notices.value.some((notice) => notice.message === message)) return;
  count += 1;
  const id = count;
  notices.value = [...notices.value, { id, message }];
  setTimeout(() => dismiss(id), 10_000);
}

/** Runs `work` and tells of what it throws. */
export async function attempt(work: () => Promise<void>): Promise<void> {
  try {
    await work();
  } catch (error) {
    notify(messageOf(error));
  }
}
