/**
 * Which folder of the engine's sources may import which: the table of ARCHITECTURE.md as data.
 *
 * The files beside the folders (index.ts, files.ts, testing.ts) are the package's entries: they may re-export anything
 * and nothing imports them.
 */

export interface LayerRow {
  readonly imports: readonly string[]
  /** Folders of which only types may be imported. */
  readonly types?: readonly string[]
}

const LAYER_1 = ['base', 'stream', 'config', 'serde']
const LAYER_2 = [...LAYER_1, 'state', 'time', 'checkpoint', 'exchange']
const LAYER_3 = [...LAYER_2, 'connector', 'operators']
const BELOW_ROOTS = [...LAYER_3, 'metrics', 'graph', 'api', 'task', 'control', 'taskmanager', 'jobmanager', 'rest']

export const LAYERS: Readonly<Record<string, LayerRow>> = {
  base: { imports: [] },
  stream: { imports: ['base'] },
  config: { imports: ['base'] },
  metrics: { imports: ['base', 'stream'] },
  serde: { imports: ['base'] },
  state: { imports: ['base', 'stream', 'serde'] },
  time: { imports: ['base', 'stream'] },
  checkpoint: { imports: ['base', 'stream', 'serde'], types: ['state', 'graph'] },
  exchange: { imports: ['base', 'stream', 'serde'] },
  connector: { imports: LAYER_2 },
  operators: { imports: [...LAYER_2, 'connector'] },
  graph: { imports: LAYER_1, types: ['operators', 'connector', 'time'] },
  api: { imports: ['base', 'config', 'serde', 'graph', 'operators', 'connector', 'time', 'state', 'stream'] },
  task: { imports: LAYER_3, types: ['graph'] },
  control: { imports: ['base', 'stream', 'serde'], types: ['checkpoint', 'graph'] },
  taskmanager: { imports: [...LAYER_2, 'metrics', 'task', 'control', 'graph'] },
  jobmanager: { imports: [...LAYER_1, 'metrics', 'graph', 'checkpoint', 'control', 'connector'], types: ['state'] },
  rest: { imports: ['base', 'stream', 'jobmanager'], types: ['checkpoint', 'control', 'config'] },
  cluster: { imports: [...BELOW_ROOTS, 'testing'] },
  testing: { imports: [...BELOW_ROOTS, 'cluster'] },
  cli: { imports: [...BELOW_ROOTS, 'cluster', 'testing'] },
}

/** Composition roots: here the real clock, disk, network, threads and process are wired in. */
export const ROOTS: readonly string[] = ['cluster', 'testing', 'cli']

/** Modules of Node that compute and touch nothing. */
export const PURE_NODE_MODULES: readonly string[] = ['node:buffer', 'node:zlib']

/** Parts of `node:crypto` that compute; its others make randomness. */
export const PURE_CRYPTO: readonly string[] = ['createHash', 'createHmac', 'hash', 'timingSafeEqual']

/** Packages from the registry and the folders that may import them. */
export const PACKAGES: Readonly<Record<string, readonly string[]>> = {
  '@hono/node-server': ['cluster'],
  commander: ['cli'],
  esbuild: ['cluster'],
  hono: ['rest', 'cluster'],
  hyparquet: ['connector'],
  'hyparquet-writer': ['connector'],
  zod: ['rest'],
}

/**
 * Frozen: this list may only shrink. An entry is the key of a finding, `FILE -> WHAT`, with the reason beside it.
 * One that is not needed any more fails the check.
 */
export const EXCEPTIONS: readonly string[] = []
