// What the command line takes from the environment, and what it hands to its child processes.
// The only file that reads or writes process.env; knows no command.

import { homedir } from 'node:os';
import { join } from 'node:path';

export interface Environment {
  /** Bundle id or folder from ANYMODAL_MODEL, used where `--model` is absent. */
  readonly model: string | null;
  /** Device from ANYMODAL_DEVICE, used where `--device` is absent. */
  readonly device: string | null;
  /** False where NO_COLOR is set to anything (no-color.org). */
  readonly colour: boolean;
  /** True for a terminal that cannot move its cursor (TERM=dumb). */
  readonly dumb: boolean;
  readonly hub: HubEnvironment;
  readonly server: ServerEnvironment;
}

/** What a server takes from the environment. */
export interface ServerEnvironment {
  /** All variables whose names begin with ANYMODAL_, but empty ones. */
  readonly variables: Readonly<Record<string, string>>;
  /** Where settings are looked for: anymodal in XDG_CONFIG_HOME. */
  readonly configurationFolder: string;
  /** Where data are kept unless a setting says otherwise: anymodal in XDG_DATA_HOME. */
  readonly dataFolder: string;
  readonly objectStore: ObjectStoreEnvironment;
}

/** How an S3-compatible store is reached; the variables are those of Amazon's own programs. */
export interface ObjectStoreEnvironment {
  /** AWS_ENDPOINT_URL_S3, or AWS_ENDPOINT_URL; null is Amazon's. */
  readonly endpoint: string | null;
  /** AWS_REGION, or AWS_DEFAULT_REGION. */
  readonly region: string;
  /** AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY and AWS_SESSION_TOKEN; secrets. */
  readonly accessKeyId: string | null;
  readonly secretAccessKey: string | null;
  readonly sessionToken: string | null;
}

/** Where models come from and where they are kept; the variables are Hugging Face's, so that one cache and one login serve all programs. */
export interface HubEnvironment {
  /** ANYMODAL_HUB, or HF_ENDPOINT; null is the usual hub. */
  readonly endpoint: string | null;
  /** HF_TOKEN; a secret. */
  readonly token: string | null;
  /** File with the token of `hf auth login` (HF_TOKEN_PATH, or in HF_HOME); null where HF_HUB_DISABLE_IMPLICIT_TOKEN says to leave it alone. */
  readonly tokenFile: string | null;
  /** Folder of the shared cache: HF_HUB_CACHE, or in HF_HOME. */
  readonly cache: string;
  /** Folder for what comes from no hub: ANYMODAL_CACHE, or in XDG_CACHE_HOME. */
  readonly ownCache: string;
  /** ANYMODAL_OFFLINE or HF_HUB_OFFLINE: nothing is asked of any server. */
  readonly offline: boolean;
}

/** The environment of this process as the command line understands it. */
export function readEnvironment(): Environment {
  return {
    model: nonEmpty(process.env['ANYMODAL_MODEL']),
    device: nonEmpty(process.env['ANYMODAL_DEVICE']),
    colour: nonEmpty(process.env['NO_COLOR']) === null,
    dumb: process.env['TERM'] === 'dumb',
    hub: readHubEnvironment(),
    server: readServerEnvironment(),
  };
}

function readServerEnvironment(): ServerEnvironment {
  return {
    variables: Object.fromEntries(Object.entries(process.env).flatMap(([name, value]) => (name.startsWith('ANYMODAL_') && value !== undefined && value !== '' ? [[name, value]] : []))),
    configurationFolder: join(nonEmpty(process.env['XDG_CONFIG_HOME']) ?? join(homedir(), '.config'), 'anymodal'),
    dataFolder: join(nonEmpty(process.env['XDG_DATA_HOME']) ?? join(homedir(), '.local', 'share'), 'anymodal'),
    objectStore: {
      endpoint: nonEmpty(process.env['AWS_ENDPOINT_URL_S3']) ?? nonEmpty(process.env['AWS_ENDPOINT_URL']),
      region: nonEmpty(process.env['AWS_REGION']) ?? nonEmpty(process.env['AWS_DEFAULT_REGION']) ?? 'us-east-1',
      accessKeyId: nonEmpty(process.env['AWS_ACCESS_KEY_ID']),
      secretAccessKey: nonEmpty(process.env['AWS_SECRET_ACCESS_KEY']),
      sessionToken: nonEmpty(process.env['AWS_SESSION_TOKEN']),
    },
  };
}

function readHubEnvironment(): HubEnvironment {
  const caches = nonEmpty(process.env['XDG_CACHE_HOME']) ?? join(homedir(), '.cache');
  const home = nonEmpty(process.env['HF_HOME']) ?? join(caches, 'huggingface');
  return {
    endpoint: nonEmpty(process.env['ANYMODAL_HUB']) ?? nonEmpty(process.env['HF_ENDPOINT']),
    token: nonEmpty(process.env['HF_TOKEN']) ?? nonEmpty(process.env['HUGGING_FACE_HUB_TOKEN']),
    tokenFile: isYes(process.env['HF_HUB_DISABLE_IMPLICIT_TOKEN']) ? null : (nonEmpty(process.env['HF_TOKEN_PATH']) ?? join(home, 'token')),
    cache: nonEmpty(process.env['HF_HUB_CACHE']) ?? nonEmpty(process.env['HUGGINGFACE_HUB_CACHE']) ?? join(home, 'hub'),
    ownCache: nonEmpty(process.env['ANYMODAL_CACHE']) ?? join(caches, 'anymodal'),
    offline: isYes(process.env['ANYMODAL_OFFLINE']) || isYes(process.env['HF_HUB_OFFLINE']),
  };
}

/** Switches ONNX Runtime's telemetry off for this process and for every process it starts from now on. */
export function switchTelemetryOff(): void {
  process.env['ORT_DISABLE_TELEMETRY'] = '1';
}

/** What huggingface_hub takes for yes. */
function isYes(value: string | undefined): boolean {
  return ['1', 'on', 'yes', 'true'].includes((value ?? '').toLowerCase());
}

function nonEmpty(value: string | undefined): string | null {
  return value === undefined || value === '' ? null : value;
}

/** LD_LIBRARY_PATH: folders where the loader of libraries looks first. */
export function libraryPath(): string | undefined {
  return process.env['LD_LIBRARY_PATH'];
}
