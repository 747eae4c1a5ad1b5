// The same job as a request in three languages, for people who go on in code. Plain text; knows no page.
import type { JobInput } from '../../../src/client/index.ts';

export type Language = 'curl' | 'typescript' | 'python';

export function requestIn(language: Language, origin: string, job: JobInput): string {
  const { conversation: _, ...lasting } = job;
  const json = JSON.stringify(lasting, null, 2);
  switch (language) {
    case 'curl':
      return `job=$(curl -s ${origin}/v1/jobs -H 'Content-Type: application/json' -d '${json.replaceAll("'", "'\\''")}' | jq -r .id)\ncurl -sN ${origin}/v1/jobs/$job/events`;
    case 'typescript':
      return `import { Client } from 'anymodal/client';\n\nconst client = new Client({ baseUrl: '${origin}' });\nconst job = await client.createJob(${json});\nfor await (const event of client.events(job.id)) {\n  if (event.type === 'text-delta') process.stdout.write(event.text);\n  if (event.type === 'media-end') console.log(event.media.url);\n}\n`;
    case 'python':
      return `import json, time, urllib.request\n\ndef call(path, body=None):\n    data = None if body is None else json.dumps(body).encode()\n    request = urllib.request.Request("${origin}" + path, data, {"Content-Type": "application/json"})\n    return json.load(urllib.request.urlopen(request))\n\njob = call("/v1/jobs", json.loads(r'''${json}'''))\nwhile job["status"] in ("queued", "running"):\n    time.sleep(0.5)\n    job = call("/v1/jobs/" + job["id"])\nprint(json.dumps(job, indent=2))\n`;
  }
}
