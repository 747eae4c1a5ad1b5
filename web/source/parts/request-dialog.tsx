// Shows a job as a request and copies it.
import type { JSX } from 'preact';
import { useState } from 'preact/hooks';
import type { JobInput } from '../../../src/client/index.ts';
import { text } from '../text.ts';
import { Dialog } from './dialog.tsx';
import { requestIn, type Language } from './requests.ts';

const languages: readonly Language[] = ['curl', 'typescript', 'python'];

export function RequestDialog({ job, onClose }: { readonly job: JobInput; readonly onClose: () => void }): JSX.Element {
  const [language, setLanguage] = useState<Language>('curl');
  const [copied, setCopied] = useState(false);
  const code = requestIn(language, location.origin, job);
  return (
    <Dialog title={text.request.title} onClose={onClose} wide>
      <p class="quiet">{text.request.hint}</p>
      <div class="row spread">
        <div class="segments" role="group" aria-label={text.request.title}>
          {languages.map((name) => (
            <button type="button" key={name} aria-pressed={name === language} onClick={() => setLanguage(name)}>
              {text.request.languages[name]}
            </button>
          ))}
        </div>
        <button
          type="button"
          class="button"
          onClick={() => {
            void navigator.clipboard.writeText(code).then(() => setCopied(true));
          }}
        >
          {copied ? text.media.copied : text.request.copy}
        </button>
      </div>
      <pre class="code" tabIndex={0}>{code}</pre>
    </Dialog>
  );
}
