import type { Random } from './env.ts'

/** A small, fast, seeded generator (sfc32): the same seed gives the same numbers on every machine. */
export function seededRandom(seed: number): Random {
  let a = 0x9e3779b9 | 0
  let b = 0x243f6a88 | 0
  let c = seed | 0
  let counter = 1
  const u32 = (): number => {
    const sum = (((a + b) | 0) + counter) | 0
    counter = (counter + 1) | 0
    a = b ^ (b >>> 9)
    b = (c + (c << 3)) | 0
    c = (c << 21) | (c >>> 11)
    c = (c + sum) | 0
    return sum >>> 0
  }
  for (let warmUp = 0; warmUp < 12; warmUp++) u32()
  return { u32, fraction: () => u32() / 4294967296 }
}

/** Uniform integer in [0, bound). */
export function below(random: Random, bound: number): number {
  return Math.floor(random.fraction() * bound)
}
