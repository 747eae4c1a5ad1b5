// Asks for a key where the server needs one.
import type { JSX } from 'preact';
import { useState } from 'preact/hooks';
import { signIn } from '../state/session.ts';
import { text } from '../text.ts';

export function SignInView(): JSX.Element {
  const [key, setKey] = useState('');
  const [problem, setProblem] = useState<string | null>(null);
  return (
    <main class="sign-in">
      <form
        onSubmit={(event) => {
          event.preventDefault();
          void signIn(key).then(setProblem);
        }}
      >
        <img src="./icon.svg" alt="" width="48" height="48" />
        <h1>{text.name}</h1>
        <p class="quiet">{text.signIn.intro}</p>
        <label class="field">
          <span>{text.signIn.key}</span>
          <input type="password" autocomplete="current-password" value={key} onInput={(event) => setKey(event.currentTarget.value)} required />
        </label>
        {problem !== null && <p class="note bad" role="alert">{problem}</p>}
        <button type="submit" class="button primary wide" disabled={key.trim() === ''}>{text.signIn.go}</button>
      </form>
    </main>
  );
}
