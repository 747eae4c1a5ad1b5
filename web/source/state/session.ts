// Whether the server needs a key and this browser has one. The key itself is given to the server once and kept nowhere here.
import { signal } from '@preact/signals';
import { ServerError } from '../../../src/client/index.ts';
import { client, messageOf } from '../server.ts';

/** Null until it is known. */
export const signedIn = signal<boolean | null>(null);

export async function loadSession(): Promise<void> {
  for (let wait = 500; signedIn.value === null; wait = Math.min(5000, wait * 2)) {
    try {
      signedIn.value = (await client.session()).signedIn;
    } catch {
      await new Promise((resolve) => setTimeout(resolve, wait));
    }
  }
}

/** Begins a session; returns what is wrong with the key, or null. */
export async function signIn(key: string): Promise<string | null> {
  try {
    signedIn.value = (await client.signIn(key.trim())).signedIn;
    return null;
  } catch (error) {
    if (error instanceof ServerError) return messageOf(error);
    throw error;
  }
}

export async function signOut(): Promise<void> {
  await client.signOut();
  location.reload();
}
