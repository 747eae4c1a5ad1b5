// Answers questions about devices in a process of its own: a driver may write what it likes there, and crash it.
// Started by device-checks.ts alone, which ends it; knows nothing of what is told to the user.
import { chooseDevice, listDevices } from '../runtime/devices.ts';
import { loadRuntime } from '../runtime/sessions.ts';
import type { Answer, Question } from './device-checks.ts';

process.on('disconnect', () => process.exit(1));
process.on('message', (question: Question) => {
  void answer(question).then((found) => process.send?.(found));
});

async function answer(question: Question): Promise<Answer> {
  try {
    if (question.type === 'choose') return { type: 'chosen', ...(await chooseDevice(question.device)) };
    const { env } = await loadRuntime();
    return { type: 'runtime', version: env.versions.node ?? env.versions.common, devices: await listDevices() };
  } catch (error) {
    return { type: 'fault', message: error instanceof Error ? error.message : String(error) };
  }
}
