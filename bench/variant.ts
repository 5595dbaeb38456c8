/** A process that measures one thing once: `node bench/variant.ts <name> <input as JSON>`, result as JSON on standard output. */

/** Loaded one at a time: a process has nothing in memory but what it measures. */
const VARIANTS = {
  'keyed-engine': async () => (await import('./variants/keyed-engine.ts')).countByEngine,
  'keyed-by-hand': async () => (await import('./variants/keyed-by-hand.ts')).countByHand,
  'keyed-by-hand-by-key': async () => (await import('./variants/keyed-by-hand.ts')).countByHandByKey,
  'keyed-by-hand-threads': async () => (await import('./variants/keyed-by-hand-threads.ts')).countByHandThreads,
  'sliding-engine': async () => (await import('./variants/sliding-engine.ts')).countSliding,
  checkpoints: async () => (await import('./variants/checkpoints.ts')).measureCheckpoints,
  'batch-codec': async () => (await import('./variants/codec.ts')).measureBatchCodec,
  'slot-channel': async () => (await import('./variants/slot-channel.ts')).measureSlotChannel,
  'process-channel': async () => (await import('./variants/process-channel.ts')).measureProcessChannel,
  'cluster-keyed': async () => (await import('./variants/cluster-keyed.ts')).countByCluster,
  'cluster-deploy': async () => (await import('./variants/cluster-deploy.ts')).measureDeploy,
  'cluster-job-manager': async () => (await import('./variants/cluster-job-manager.ts')).measureJobManager,
  nexmark: async () => (await import('./variants/nexmark.ts')).measureNexmark,
  flow: async () => (await import('./variants/flow.ts')).measureFlow,
  csv: async () => (await import('./variants/csv.ts')).measureCsv,
} as const

export type VariantName = keyof typeof VARIANTS
type Variant<Name extends VariantName> = Awaited<ReturnType<(typeof VARIANTS)[Name]>>
export type VariantInput<Name extends VariantName> = Parameters<Variant<Name>>[0]
export type VariantOutput<Name extends VariantName> = Awaited<ReturnType<Variant<Name>>>

if (import.meta.main) {
  const [name = '', input = '{}'] = process.argv.slice(2)
  if (!Object.hasOwn(VARIANTS, name)) throw new Error(`there is no variant "${name}"`)
  const run = (await VARIANTS[name as VariantName]()) as (input: unknown) => Promise<unknown> // measure.ts passes the input of the same name
  process.stdout.write(JSON.stringify(await run(JSON.parse(input))))
}
