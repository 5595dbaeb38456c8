/** A process that measures one thing once: `node bench/variant.ts <name> <input as JSON>`, result as JSON on standard output. */
import { measureBatchCodec, measureSlotChannel, measureStructuredClone } from './variants/exchange.ts'
import { countByEngine } from './variants/keyed-engine.ts'
import { countByHand } from './variants/keyed-by-hand.ts'
import { countByHandThreads } from './variants/keyed-by-hand-threads.ts'
import { measureCheckpoints } from './variants/checkpoints.ts'
import { measureChain } from './variants/chain.ts'
import { measureKeyedProcess } from './variants/keyed-process.ts'
import { measureParquet } from './variants/parquet.ts'

const VARIANTS = {
  'keyed-engine': countByEngine,
  'keyed-by-hand': countByHand,
  'keyed-by-hand-threads': countByHandThreads,
  checkpoints: measureCheckpoints,
  'batch-codec': measureBatchCodec,
  'structured-clone': measureStructuredClone,
  'slot-channel': measureSlotChannel,
  chain: measureChain,
  'keyed-process': measureKeyedProcess,
  parquet: measureParquet,
} as const

export type VariantName = keyof typeof VARIANTS
export type VariantInput<Name extends VariantName> = Parameters<(typeof VARIANTS)[Name]>[0]
export type VariantOutput<Name extends VariantName> = Awaited<ReturnType<(typeof VARIANTS)[Name]>>

if (import.meta.main) {
  const [name = '', input = '{}'] = process.argv.slice(2)
  if (!Object.hasOwn(VARIANTS, name)) throw new Error(`there is no variant "${name}"`)
  const run = VARIANTS[name as VariantName] as (input: unknown) => Promise<unknown> // measure.ts passes the input of the same name
  process.stdout.write(JSON.stringify(await run(JSON.parse(input))))
}
