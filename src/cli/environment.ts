// What the command line takes from the environment, and what it hands to its child processes.
// The only file that reads or writes process.env; knows no command.

export interface Environment {
  /** Bundle id or folder from ANYMODAL_MODEL, used where `--model` is absent. */
  readonly model: string | null;
  /** Device from ANYMODAL_DEVICE, used where `--device` is absent. */
  readonly device: string | null;
  /** False where NO_COLOR is set to anything (no-color.org). */
  readonly colour: boolean;
  /** True for a terminal that cannot move its cursor (TERM=dumb). */
  readonly dumb: boolean;
}

/** The environment of this process as the command line understands it. */
export function readEnvironment(): Environment {
  return {
    model: nonEmpty(process.env['ANYMODAL_MODEL']),
    device: nonEmpty(process.env['ANYMODAL_DEVICE']),
    colour: nonEmpty(process.env['NO_COLOR']) === null,
    dumb: process.env['TERM'] === 'dumb',
  };
}

/** Switches ONNX Runtime's telemetry off for this process and for every process it starts from now on. */
export function switchTelemetryOff(): void {
  process.env['ORT_DISABLE_TELEMETRY'] = '1';
}

function nonEmpty(value: string | undefined): string | null {
  return value === undefined || value === '' ? null : value;
}
