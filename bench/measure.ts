/** Runs one variant in a fresh process, so that no compiled code, heap or cache of another one takes part. */
import { spawn } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { text } from 'node:stream/consumers'
import type { VariantInput, VariantName, VariantOutput } from './variant.ts'

const VARIANT = fileURLToPath(new URL('./variant.ts', import.meta.url))
/** A variant that takes longer hangs. */
const TIMEOUT_MS = 5 * 60_000

export async function measure<Name extends VariantName>(
  name: Name,
  input: VariantInput<Name>,
  nodeFlags: readonly string[] = [],
): Promise<VariantOutput<Name>> {
  const child = spawn(process.execPath, [...nodeFlags, VARIANT, name, JSON.stringify(input)], {
    stdio: ['ignore', 'pipe', 'inherit'],
    timeout: TIMEOUT_MS,
  })
  const ended = new Promise<number | string>((resolve) =>
    child.on('close', (code, signal) => resolve(signal ?? code ?? 0)),
  )
  const output = await text(child.stdout)
  const outcome = await ended
  if (outcome !== 0) throw new Error(`the variant ${name} ended with ${outcome}`)
  return JSON.parse(output) as VariantOutput<Name> // printed by variant.ts
}
