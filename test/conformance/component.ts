// What every test of a component needs: a source of files, a context that collects warnings, and what holds for all factories.
// Knows no kind of component.
import { fileURLToPath } from 'node:url';
import { afterAll, describe, expect, test } from 'vitest';
import { closeMedia } from '../../media/index.ts';
import type { AnyFactory, ComponentSource, Context, Disposable, Ports } from '../../src/contracts.ts';
import { AnymodalError } from '../../src/errors.ts';
import { createRandom } from '../../src/runtime/random.ts';
import { openSessionCount } from '../../src/runtime/sessions.ts';

export interface ComponentCase {
  readonly config: Readonly<Record<string, unknown>>;
  /** Paths below test/fixtures by key; empty for a component without files. */
  readonly files: Readonly<Record<string, string>>;
  /** A config that disagrees with the files, such as a wrong width; absent where there is nothing to disagree with. */
  readonly wrongConfig?: Readonly<Record<string, unknown>>;
}

export const fixtures = new URL('../fixtures/', import.meta.url);

export function componentSource(given: ComponentCase): ComponentSource {
  return {
    name: 'component',
    config: given.config,
    device: 'cpu',
    path(file) {
      const path = given.files[file];
      if (path === undefined) throw new AnymodalError('bundle_invalid', `no file "${file}"`);
      return fileURLToPath(new URL(path, fixtures));
    },
  };
}

export interface TestContext extends Context {
  /** Codes of the warnings so far. */
  readonly warnings: string[];
}

export function testContext(signal: AbortSignal = new AbortController().signal): TestContext {
  const warnings: string[] = [];
  return { signal, random: createRandom(0), warnings, warn: (code) => void warnings.push(code) };
}

/** Whether a shape is one that the port allows. */
export function expectShape(shape: readonly number[], port: Ports[string] | undefined): void {
  expect(port, 'the port is declared').toBeDefined();
  expect(shape.length).toBe(port?.length);
  port?.forEach((length, axis) => length === null || expect(shape[axis]).toBe(length));
}

export function norm(vector: Float32Array): number {
  return Math.hypot(...vector);
}

/** Opens, uses and disposes, also where the use fails. */
export async function using<T extends Disposable, R>(opening: Promise<T>, use: (component: T) => Promise<R>): Promise<R> {
  const component = await opening;
  try {
    return await use(component);
  } finally {
    await component.dispose();
  }
}

/** What holds for the factory of any component: a closed config, clear errors, nothing left open. */
export function describeFactory(factory: AnyFactory, given: ComponentCase): void {
  afterAll(async () => {
    expect(openSessionCount()).toBe(0);
    await closeMedia();
  });

  describe(`${factory.name} as a factory`, () => {
    test('refuses a config with an unknown or missing key, saying which', async () => {
      expect(factory.config).toMatchObject({ type: 'object', additionalProperties: false });
      expect(() => factory.ports({ ...given.config, nonsense: 1 })).toThrow('nonsense');
      await expect(factory.open(componentSource({ ...given, config: { ...given.config, nonsense: 1 } }))).rejects.toMatchObject({ code: 'bundle_invalid' });
      // A component whose config may be left empty misses nothing.
      if (Object.keys(given.config).length > 0) expect(() => factory.ports({})).toThrow('missing');
    });

    test('declares ports without opening a file', () => {
      const ports = factory.ports(given.config);
      for (const shape of [...Object.values(ports.in), ...Object.values(ports.out)]) {
        expect(shape.every((length) => length === null || (Number.isInteger(length) && length > 0))).toBe(true);
      }
    });

    test.runIf(Object.keys(given.files).length > 0)('needs each of its files', async () => {
      for (const missing of Object.keys(given.files)) {
        const files = Object.fromEntries(Object.entries(given.files).filter(([key]) => key !== missing));
        await expect(factory.open(componentSource({ ...given, files }))).rejects.toMatchObject({ code: 'bundle_invalid' });
      }
      expect(openSessionCount()).toBe(0);
    });

    test.runIf(given.wrongConfig !== undefined)('finds a graph of another width when it opens it, and leaves nothing open', async () => {
      await expect(factory.open(componentSource({ ...given, config: { ...given.config, ...given.wrongConfig } }))).rejects.toMatchObject({ code: 'bundle_invalid' });
      expect(openSessionCount()).toBe(0);
    });

    test('disposes twice and leaves nothing open', async () => {
      const component = await factory.open(componentSource(given));
      await component.dispose();
      await component.dispose();
      expect(openSessionCount()).toBe(0);
    });
  });
}
