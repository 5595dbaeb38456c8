import { EngineError } from './errors.ts'

const UNIT_BYTES: Readonly<Record<string, number>> = { b: 1, kb: 1024, mb: 1024 ** 2, gb: 1024 ** 3, tb: 1024 ** 4 }
const SIZE = /^(\d+(?:\.\d+)?)\s*(b|kb|mb|gb|tb)$/i

/**
 * Bytes of a size with its unit: `512b`, `64kb`, `32mb`, `1.5gb`, `2tb` (1kb is 1,024 bytes; letter case does not matter).
 *
 * @throws CFG1002 for anything else, a bare number included
 * @example parseSize('64mb') // 67108864
 */
export function parseSize(text: string): number {
  const match = SIZE.exec(text.trim())
  const unitBytes = UNIT_BYTES[match?.[2]?.toLowerCase() ?? '']
  if (match === null || unitBytes === undefined) throw notASize(text)
  const bytes = Number(match[1]) * unitBytes
  if (!Number.isSafeInteger(Math.round(bytes))) throw notASize(text)
  return Math.round(bytes)
}

function notASize(text: string): EngineError {
  return new EngineError(
    'CFG1002',
    `${JSON.stringify(text)} is not a size. Nothing was started with it. Write a number and a unit (b, kb, mb, gb, tb), e.g. "64mb".`,
  )
}
