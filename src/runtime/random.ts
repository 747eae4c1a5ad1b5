// Seeded randomness that equals torch's CPU generator: the Mersenne Twister and torch's ways to make floats of it.
// Knows no consumer. Source: pytorch aten/src/ATen/core/MT19937RNGEngine.h and
// aten/src/ATen/native/cpu/DistributionTemplates.h (normal_fill, normal_fill_16) at v2.9.0.

import { createHash } from 'node:crypto';
import type { Random } from '../contracts.ts';
import { AnymodalError } from '../errors.ts';

const STATE_LENGTH = 624;
const SHIFT = 397;
const BLOCK = 16;
const TWO_PI = 2 * Math.PI;

/**
 * A generator whose draws are those of `torch.Generator('cpu').manual_seed(seed)`, call by call: `uniform` is
 * `torch.rand`, `normal` is `torch.randn`, both float32. Like torch it uses the low 32 bits of the seed.
 * Throws `bad_option` for a seed that is no integer from 0 to 2^53 - 1.
 */
export function createRandom(seed: number): Random {
  if (!Number.isSafeInteger(seed) || seed < 0) {
    throw new AnymodalError('bad_option', `seed: got ${seed}, expected an integer from 0 to 9007199254740991.`);
  }
  const next = mersenneTwister(seed % 2 ** 32);
  let spare: number | null = null;

  // uniform_real_distribution<double>: 53 of 64 bits, the first draw being the high half.
  const uniformDouble = (): number => {
    const high = next();
    const low = next();
    return ((high & 0x1fffff) * 2 ** 32 + low) * 2 ** -53;
  };
  const normalDouble = (): number => {
    if (spare !== null) {
      const value = spare;
      spare = null;
      return value;
    }
    const u1 = uniformDouble();
    const u2 = uniformDouble();
    const radius = Math.sqrt(-2 * Math.log1p(-u2));
    spare = radius * Math.sin(TWO_PI * u1);
    return radius * Math.cos(TWO_PI * u1);
  };
  const fillUniform = (out: Float32Array): Float32Array => {
    for (let i = 0; i < out.length; i += 1) out[i] = (next() & 0xffffff) * 2 ** -24;
    return out;
  };

  return {
    seed,
    uniform: (count) => fillUniform(new Float32Array(count)),
    normal(count) {
      const out = new Float32Array(count);
      if (count < BLOCK) {
        for (let i = 0; i < count; i += 1) out[i] = normalDouble();
        return out;
      }
      fillUniform(out);
      for (let start = 0; start + BLOCK <= count; start += BLOCK) boxMullerBlock(out.subarray(start, start + BLOCK));
      // torch redraws the whole last block where the length is no multiple of 16.
      if (count % BLOCK !== 0) boxMullerBlock(fillUniform(out.subarray(count - BLOCK)));
      return out;
    },
    fork: (label) => createRandom(forkedSeed(seed, label)),
  };
}

/** The first 53 bits of SHA-256 of `seed/label`. */
function forkedSeed(seed: number, label: string): number {
  const digest = createHash('sha256').update(`${seed}/${label}`).digest();
  return Number(digest.readBigUInt64BE(0) >> 11n);
}

/**
 * Sixteen uniforms to sixteen normals in place; the first eight are radii, the last eight angles.
 * Rounded to float32 where torch's vectorised code rounds.
 */
function boxMullerBlock(block: Float32Array): void {
  const twoPi = Math.fround(TWO_PI);
  for (let i = 0; i < BLOCK / 2; i += 1) {
    const radius = Math.fround(Math.sqrt(Math.fround(-2 * Math.fround(Math.log(1 - block[i]!)))));
    const angle = Math.fround(twoPi * block[i + 8]!);
    block[i] = radius * Math.cos(angle);
    block[i + 8] = radius * Math.sin(angle);
  }
}

/** MT19937 with 32-bit seeding: Matsumoto and Nishimura, 1998. Returns a function that draws unsigned 32-bit integers. */
function mersenneTwister(seed: number): () => number {
  const state = new Uint32Array(STATE_LENGTH);
  state[0] = seed;
  for (let i = 1; i < STATE_LENGTH; i += 1) {
    const previous = state[i - 1]!;
    state[i] = Math.imul(1812433253, previous ^ (previous >>> 30)) + i;
  }
  let index = STATE_LENGTH;
  return () => {
    if (index === STATE_LENGTH) {
      twist(state);
      index = 0;
    }
    let y = state[index]!;
    index += 1;
    y ^= y >>> 11;
    y ^= (y << 7) & 0x9d2c5680;
    y ^= (y << 15) & 0xefc60000;
    y ^= y >>> 18;
    return y >>> 0;
  };
}

function twist(state: Uint32Array): void {
  for (let i = 0; i < STATE_LENGTH; i += 1) {
    const y = (state[i]! & 0x80000000) | (state[(i + 1) % STATE_LENGTH]! & 0x7fffffff);
    state[i] = state[(i + SHIFT) % STATE_LENGTH]! ^ (y >>> 1) ^ (y & 1 ? 0x9908b0df : 0);
  }
}
