// The contracts of input and output projectors, for every kind.
// A new projector is tested by one call with a config and its files.
import { describe, expect, test } from 'vitest';
import type { Factory, Ports, Source, Tensor } from '../../src/contracts.ts';
import { componentSource, describeFactory, expectShape, testContext, using } from './component.ts';
import type { ComponentCase } from './component.ts';

/** Values that differ from place to place; a free axis gets `free`. */
export function waves(port: Ports[string] | undefined, free = 3): Tensor {
  const shape = (port ?? []).map((length) => length ?? free);
  return { shape, data: Float32Array.from({ length: shape.reduce((product, length) => product * length, 1) }, (_, i) => Math.sin(0.1 * i)) };
}

export function describeInputProjector(factory: Factory<'input-projector'>, given: ComponentCase): void {
  describeFactory(factory, given);
  const ports = factory.ports(given.config);

  describe(`${factory.name} as an input projector`, () => {
    test.each([1, 3, 9])('turns %i tokens into what its ports declare', async (n) => {
      await using(factory.open(componentSource(given)), async (projector) => {
        const tokens = waves(ports.in['tokens'], n);
        const before = tokens.data.slice();
        const embeds = await projector.project(tokens, testContext());
        expectShape(embeds.shape, ports.out['embeds']);
        expect(embeds.data.every(Number.isFinite)).toBe(true);
        expect(tokens.data).toEqual(before);
        expect((await projector.project(tokens, testContext())).data).toEqual(embeds.data);
      });
    });

    test('refuses tokens of another width', async () => {
      const [, width = null] = ports.in['tokens'] ?? [];
      await using(factory.open(componentSource(given)), async (projector) => {
        await expect(projector.project(waves([2, (width ?? 8) + 1]), testContext())).rejects.toMatchObject({ code: 'internal' });
      });
    });
  });
}

/** A source of each type whose tensors fit the ports of a projector that accepts it. */
export function sourceFor(type: Source['type'], ports: Ports): Source {
  if (type === 'prompt') return { type, text: 'a red apple' };
  if (type === 'joint') return { type, embedding: waves(ports['joint'] ?? [4]) };
  const hidden = waves(ports['hidden'] ?? [4, 4]);
  const embedded = { shape: hidden.shape, data: hidden.data.map((value) => value / 2) };
  return { type, signal: { type: 'signal', output: 'image', prompt: 'a red apple', references: [], states: { hidden, embedded } } };
}

export function describeOutputProjector(factory: Factory<'output-projector'>, given: ComponentCase): void {
  describeFactory(factory, given);
  const ports = factory.ports(given.config);
  const accepted = ports.in['hidden'] !== undefined ? 'signal' : ports.in['joint'] !== undefined ? 'joint' : 'prompt';

  describe(`${factory.name} as an output projector`, () => {
    test('accepts the source that its ports imply and gives the ports it declares', async () => {
      await using(factory.open(componentSource(given)), async (projector) => {
        expect(projector.accepts).toBe(accepted);
        const conditioning = await projector.project(sourceFor(accepted, ports.in), testContext());
        expect(Object.keys(conditioning).toSorted()).toEqual(Object.keys(ports.out).toSorted());
        for (const [port, tensor] of Object.entries(conditioning)) {
          expectShape(tensor.shape, ports.out[port]);
          expect(tensor.data.every(Number.isFinite)).toBe(true);
          expect(tensor.data.some((value) => value !== 0)).toBe(true);
        }
      });
    });

    test('hands over its result and gives the same again', async () => {
      await using(factory.open(componentSource(given)), async (projector) => {
        const source = sourceFor(accepted, ports.in);
        const first = await projector.project(source, testContext());
        const kept = Object.values(first).map(({ data }) => data.slice());
        for (const { data } of Object.values(first)) data.fill(7);
        expect(Object.values(await projector.project(source, testContext())).map(({ data }) => data)).toEqual(kept);
        expect(source).toEqual(sourceFor(accepted, ports.in));
      });
    });

    test('refuses every other source', async () => {
      await using(factory.open(componentSource(given)), async (projector) => {
        for (const type of ['signal', 'prompt', 'joint'] as const) {
          if (type === accepted) continue;
          await expect(projector.project(sourceFor(type, {}), testContext())).rejects.toMatchObject({ code: 'internal' });
        }
      });
    });
  });
}
